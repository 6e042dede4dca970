#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "checkpoint/checkpoint.h"
#include "evaluate/expected_labels.h"
#include "jobs/stream.h"
#include "metrics/calibration.h"
#include "metrics/multi_label.h"
#include "metrics/single_label.h"
#include "results/evaluation.h"
#include "rows/row_reader.h"

namespace paceline {

/// Where a row's label stands, and how.
struct LabelPlace {
  std::string column;
  RowFormat format = RowFormat::kCsv;  ///< the reader's

  /// What is expected of a row without an error. Throws Error{corrupt_data} that names `row`, counted from 1.
  Expected read(ExpectedLabels& labels, const Row& row, int64_t number) const;
};

/// Answers beside what was expected of them, by the model's task, in the texts' order.
struct CollectedAnswers {
  std::vector<int64_t> rows{};      ///< of the data, from 1, rising: those that the model answered
  SingleLabels single{};            ///< of a model with one label per text
  MultiLabels multi{};              ///< of one with several; its scores are logits
  std::vector<double> expected{};   ///< of a regression
  std::vector<double> predicted{};  ///< of a regression
  SingleLabelLogits logits{};       ///< with the class weights; with several labels they are multi.scores
  std::vector<WrongText> wrong{};   ///< the worst, by falling loss
};

/// Of several labels, as transformers and most metrics take them.
inline constexpr float kDefaultThreshold = 0.5F;

/// How logits become the answers that are scored: with these labels' rules; of several labels those of at least
/// kDefaultThreshold where no threshold says otherwise. Throws what resolve_labels does; `where` opens the message.
AnswerOptions scored_answers(const LabelOptions& labels, const Checkpoint& checkpoint, std::string_view where);

/// No answer yet, of a model with so many labels.
CollectedAnswers no_answers(std::size_t labels);
/// Appends a text's answer, which has no error.
void add_answer(CollectedAnswers& collected, ProblemType type, int64_t row, const Expected& expected,
                const Answer& answer);

/// The answers to those of the texts whose row is in `rows`, which rise; without the worst ones.
CollectedAnswers of_rows(const CollectedAnswers& answers, std::span<const int64_t> rows);

/// Collects the answers to labelled rows.
class AnswerCollector : public AnswerTaker {
 public:
  /// `rows`: how `reader` was opened. `weights`: of the labels' rules; what is scored is what they make of the logits.
  AnswerCollector(const Checkpoint& checkpoint, const RowReader& reader, const RowReaderOptions& rows,
                  std::vector<float> weights);

  /// Throws where a row's label is not one of the model's.
  void check(const Row& row) override;
  void take(const Row& row, const Answer& answer) override;
  void take_error(const Row& row, RowFault fault, std::string_view error) override;

  /// Once all rows were taken.
  CollectedAnswers finish();
  /// Texts of blanks among those that could be read.
  int64_t empty_texts() const { return empty_texts_; }
  std::vector<SkippedRows> skipped() const;
  const ExpectedLabels& expected_labels() const { return expected_; }

 private:
  void add(const Row& row, const Expected& expected, const Answer& answer);
  void remember(const Row& row, const Expected& expected, const Answer& answer);
  double loss_of(const Expected& expected, const Answer& answer) const;
  void show_texts(const Row& row, WrongText& wrong) const;
  std::string words_of(const std::vector<int32_t>& labels) const;

  ProblemType type_;
  std::vector<std::string> labels_;
  LabelPlace place_;
  std::vector<float> weights_;
  std::vector<std::string> text_columns_;  ///< one, or two of pairs
  std::vector<std::size_t> text_indices_;  ///< of the same in a row's fields; none where rows are JSON
  ExpectedLabels checked_;                 ///< of the reading thread
  int64_t rows_checked_ = 0;
  int64_t empty_texts_ = 0;
  ExpectedLabels expected_;  ///< of the taking thread
  int64_t rows_taken_ = 0;
  CollectedAnswers collected_;
  std::map<RowFault, SkippedRows> skipped_;
};

}  // namespace paceline
