#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "answer/answer.h"
#include "answer/windows.h"
#include "checkpoint/checkpoint.h"
#include "evaluate/answer_collector.h"
#include "evaluate/expected_labels.h"
#include "results/results.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// Of a larger file so many texts are kept, each set of them equally likely: they bound the memory, and a difference of
/// 0.1 points shows among them.
inline constexpr std::size_t kMostLabelledTexts = 10'000;

/// Texts and what is expected of them, in the file's order.
struct LabelledRows {
  LabelledSummary summary;
  std::vector<Text> texts;
  std::vector<Expected> expected;
  std::vector<int64_t> rows;  ///< of the file, from 1
  std::vector<std::string> notes{};
};

struct LabelledSource {
  std::filesystem::path file;
  RowReaderOptions rows;  ///< with the label's column
  uint64_t seed = 0;
  bool refuse_empty = false;  ///< see refuse_empty_rows
};

/// Throws Error: what the reader throws; corrupt_data for a label that the model lacks, and for a file without a text;
/// unsupported for a regression with several outputs. Rows that cannot be read, or have no label, are
/// passed over and counted.
LabelledRows read_labelled_rows(const LabelledSource& source, const Checkpoint& checkpoint);

/// How logits become answers that are right or wrong.
struct AnswerScoring {
  AnswerRules rules{};
  AnswerOptions options{};
  std::size_t labels = 0;
};

/// Labelled texts as sequences that the workers run, in the file's order.
struct LabelledTexts {
  LabelledSummary summary;
  AnswerScoring scoring;
  Sequences sequences;             ///< without errors: texts that cannot be read are left out
  std::vector<int32_t> lengths{};  ///< tokens of each sequence
  std::vector<Expected> expected{};
  std::vector<int64_t> rows{};

  std::size_t size() const { return expected.size(); }
};

/// Encodes; texts that cannot be read are left out and counted.
LabelledTexts make_labelled_texts(LabelledRows rows, EncodedTexts encoded, int32_t max_length, AnswerScoring scoring);

/// Some of the texts, and where each of their sequences stands among all.
struct LabelledPart {
  LabelledTexts texts;
  std::vector<uint32_t> places;  ///< [sequences of the part]
};
/// `chosen` ascends.
LabelledPart part_of(const LabelledTexts& texts, std::span<const uint32_t> chosen);

/// The answers that these logits [sequences, K] are, beside what was expected, without their scores. None where one is
/// not a number.
std::optional<CollectedAnswers> collect_answers(const LabelledTexts& texts, std::span<const float> logits);

}  // namespace paceline
