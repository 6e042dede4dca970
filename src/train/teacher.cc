#include "train/teacher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr int kComparedTexts = 100;
constexpr std::size_t kLabelBytes = 200;

std::string label_words(const LabelScheme& scheme) {
  return excerpt(fmt::format("{} ({})", fmt::join(scheme.labels, ", "), problem_type_name(scheme.type)), kLabelBytes);
}

std::string where(const Checkpoint& teacher) { return fmt::format("[{}] the teacher", teacher.model_dir().string()); }

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
  if (mine.type == scheme.type && mine.labels == scheme.labels) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{} has the labels {}, the student {}: expected the same in the same order. --new-head gives "
                          "the student a head of the teacher's labels.",
                          where(teacher), label_words(mine), label_words(scheme)));
}

void check_teacher_tokens(const Checkpoint& teacher, const Tokenizer& tokenizer, const TokenizerOptions& options,
                          const LabelledFile& file, std::stop_token stop) {
  if (teacher.max_length() < options.max_length) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{0} reads at most {1} tokens, the student {2}. Give --max-length {1}.", where(teacher),
                            teacher.max_length(), options.max_length));
  }
  TokenizerOptions its_options = options;
  its_options.known_ids = teacher.network().vocab_size;
  its_options.known_types = teacher.token_types().known;
  const Tokenizer its = Tokenizer::load(teacher.parts().tokenizer, its_options);
  RowReaderOptions rows = file.rows;
  rows.stop = std::move(stop);
  const auto reader = RowReader::open(file.path, rows);
  Row row;
  for (int i = 0; i < kComparedTexts && reader->next(row);) {
    if (!row.error.empty()) continue;
    ++i;
    if (its.encode(row.text).input_ids == tokenizer.encode(row.text).input_ids) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} reads the text \"{}\" as other tokens than the student, the same tokenizer was "
                            "expected. Choose a teacher of the student's family.",
                            where(teacher), excerpt(row.text.first)));
  }
}

}  // namespace paceline
