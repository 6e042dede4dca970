#pragma once

#include <stop_token>

#include "checkpoint/checkpoint.h"
#include "tokenize/tokenizer.h"
#include "train/label_scan.h"
#include "train/training_data.h"

namespace paceline {

/// What a teacher's labels are to a student. Throws Error{invalid_argument} for an encoder, which has none.
LabelScheme teacher_scheme(const Checkpoint& teacher);

/// Throws Error{invalid_argument} where the teacher has other labels than the student is to learn.
void check_teacher_labels(const Checkpoint& teacher, const LabelScheme& scheme);

/// Both read the same token ids. Throws Error{invalid_argument} where the teacher takes shorter texts, or its tokenizer
/// reads one of the file's first texts in another way.
void check_teacher_tokens(const Checkpoint& teacher, const Tokenizer& tokenizer, const TokenizerOptions& options,
                          const LabelledFile& file, std::stop_token stop);

}  // namespace paceline
