#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "checkpoint/checkpoint.h"
#include "evaluate/expected_labels.h"
#include "jobs/stream.h"
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
  std::vector<float> logits{};      ///< [N, K]; with several labels they are multi.scores
  std::vector<WrongText> wrong{};   ///< the worst, by falling loss
};

/// The answers to those of the texts whose row is in `rows`, which rise; without the worst ones.
CollectedAnswers of_rows(const CollectedAnswers& answers, std::span<const int64_t> rows);

/// Collects the answers to labelled rows.
class AnswerCollector : public AnswerTaker {
 public:
  /// `columns` and `text_column`: where a CSV row has its text, for the worst ones.
  AnswerCollector(const Checkpoint& checkpoint, LabelPlace place, const RowReader& reader,
                  const std::string& text_column);

  /// Throws where a row's label is not one of the model's.
  void check(const Row& row) override;
  void take(const Row& row, const Answer& answer) override;
  void take_error(const Row& row, std::string_view error) override;

  /// Once all rows were taken.
  CollectedAnswers finish();
  /// Why the first row that was not answered was not; empty where all were.
  const std::string& first_error() const { return first_error_; }
  std::optional<LabelForm> form() const { return expected_.form(); }

 private:
  void take_single(const Expected& expected, const Answer& answer);
  void take_multi(const Expected& expected, const Answer& answer);
  void remember(const Row& row, const Expected& expected, const Answer& answer);
  double loss_of(const Expected& expected, const Answer& answer) const;
  std::string text_of(const Row& row) const;
  std::string words_of(const std::vector<int32_t>& labels) const;

  ProblemType type_;
  std::vector<std::string> labels_;
  LabelPlace place_;
  std::string text_column_;
  std::size_t text_index_ = 0;  ///< CSV
  ExpectedLabels checked_;      ///< of the reading thread
  int64_t rows_checked_ = 0;
  ExpectedLabels expected_;  ///< of the taking thread
  int64_t rows_taken_ = 0;
  CollectedAnswers collected_;
  std::string first_error_;
};

}  // namespace paceline
