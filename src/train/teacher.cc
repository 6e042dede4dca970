#include "train/teacher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "paceline/error.h"
#include "plan/run_options.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::size_t kLabelBytes = 200;

std::string label_words(const LabelScheme& scheme) {
  return excerpt(fmt::format("{} ({})", fmt::join(scheme.labels, ", "), problem_type_name(scheme.type)), kLabelBytes);
}

std::string where(const Checkpoint& teacher) { return fmt::format("[{}] the teacher", teacher.model_dir().string()); }

Tokenizer load_tokenizer(const Checkpoint& teacher, const TokenizerOptions& student) {
  if (teacher.max_length() < student.max_length) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{0} reads at most {1} tokens, the student {2}. Give --max-length {1}.", where(teacher),
                            teacher.max_length(), student.max_length));
  }
  TokenizerOptions options = tokenizer_options(teacher, {});
  options.max_length = student.max_length;
  options.count_truncated = student.count_truncated;
  return Tokenizer::load(teacher.parts().tokenizer, options);
}

}  // namespace

LabelScheme teacher_scheme(const Checkpoint& teacher) {
  if (!teacher.has_head()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} is an encoder without labels, a classifier was expected. Train it first.", where(teacher)));
  }
  return {.type = teacher.problem_type(), .labels = teacher.labels()};
}

void check_teacher_labels(const Checkpoint& teacher, const LabelScheme& scheme) {
  const LabelScheme mine = teacher_scheme(teacher);
  // What a regression calls its one value says nothing.
  const bool value = scheme.type == ProblemType::kRegression && mine.labels.size() == scheme.labels.size();
  if (mine.type == scheme.type && (value || mine.labels == scheme.labels)) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{} has the labels {}, the student {}: expected the same in the same order. --new-head gives "
                          "the student a head of the teacher's labels.",
                          where(teacher), label_words(mine), label_words(scheme)));
}

TeacherReading::TeacherReading(const Checkpoint& teacher, const TokenizerOptions& options)
    : folder_(teacher.model_dir().string()), tokenizer_(load_tokenizer(teacher, options)) {}

void TeacherReading::check(const Text& text, const Encoding& student, const Encoding& teacher,
                           const std::string& where) const {
  if (teacher.input_ids == student.input_ids) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] the teacher {} reads the text \"{}\" as other tokens than the student, the same "
                          "tokenizer was expected. Choose a teacher of the student's family.",
                          where, folder_, excerpt(text.first)));
}

}  // namespace paceline
