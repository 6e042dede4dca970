#pragma once

#include <span>
#include <string>

#include "checkpoint/checkpoint.h"
#include "tokenize/tokenizer.h"
#include "train/label_scan.h"

namespace paceline {

/// What a teacher's labels are to a student. Throws Error{invalid_argument} for an encoder, which has none.
LabelScheme teacher_scheme(const Checkpoint& teacher);

/// Throws Error{invalid_argument} where the teacher has other labels than the student is to learn.
void check_teacher_labels(const Checkpoint& teacher, const LabelScheme& scheme);

/// How a teacher reads the texts of its student: as the same token ids, with token types of its own.
class TeacherReading {
 public:
  /// `options`: the student's. Throws Error{invalid_argument} where the teacher takes shorter texts; what
  /// Tokenizer::load throws.
  TeacherReading(const Checkpoint& teacher, const TokenizerOptions& options);

  /// Whether the teacher tells token types apart and gets them.
  bool reads_types() const { return tokenizer_.hands_out_types(); }
  EncodedTexts encode_all(std::span<const Text> texts, ThreadPool& pool) const {
    return tokenizer_.encode_all(texts, pool);
  }
  /// Throws Error{invalid_argument} where the teacher reads a text as other ids than the student does; `where` opens
  /// the message.
  void check(const Text& text, const Encoding& student, const Encoding& teacher, const std::string& where) const;

 private:
  std::string folder_;
  Tokenizer tokenizer_;
};

}  // namespace paceline
