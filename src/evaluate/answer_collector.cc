#include "evaluate/answer_collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json.h"
#include "paceline/error.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Texts that are kept because they are most wrong.
constexpr std::size_t kMostWrong = 50;
constexpr std::size_t kExcerptBytes = 600;

/// -log of the softmax of one of the logits.
double log_loss(std::span<const float> logits, std::size_t label) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[label]);
}

/// -log of the sigmoid of a logit, or of what is missing to 1.
double log_loss(float logit, bool expected) {
  const double x = expected ? -static_cast<double>(logit) : static_cast<double>(logit);
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

/// Appends the item `place` of a list of items of `width` numbers, where the list has any.
template <class Number>
void copy_item(const std::vector<Number>& from, std::size_t place, std::size_t width, std::vector<Number>& to) {
  if (from.empty()) return;
  const auto first = from.begin() + static_cast<std::ptrdiff_t>(place * width);
  to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width));
}

bool less_wrong(const WrongText& a, const WrongText& b) { return a.loss > b.loss; }

}  // namespace

CollectedAnswers of_rows(const CollectedAnswers& answers, std::span<const int64_t> rows) {
  CollectedAnswers kept;
  kept.single.labels = answers.single.labels;
  kept.multi.labels = answers.multi.labels;
  for (std::size_t i = 0; i < answers.rows.size(); ++i) {
    if (!std::ranges::binary_search(rows, answers.rows[i])) continue;
    kept.rows.push_back(answers.rows[i]);
    copy_item(answers.single.expected, i, 1, kept.single.expected);
    copy_item(answers.single.predicted, i, 1, kept.single.predicted);
    copy_item(answers.multi.expected, i, static_cast<std::size_t>(answers.multi.labels), kept.multi.expected);
    copy_item(answers.multi.predicted, i, static_cast<std::size_t>(answers.multi.labels), kept.multi.predicted);
    copy_item(answers.expected, i, 1, kept.expected);
    copy_item(answers.predicted, i, 1, kept.predicted);
  }
  return kept;
}

Expected LabelPlace::read(ExpectedLabels& labels, const Row& row, int64_t number) const {
  try {
    if (format == RowFormat::kCsv) return labels.of_field(row.label);
    return labels.of_json(parse_json(row.label, "label"));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("[row {}, \"{}\"] {}", number, excerpt(column), error.what()));
  }
}

AnswerCollector::AnswerCollector(const Checkpoint& checkpoint, LabelPlace place, const RowReader& reader,
                                 const std::string& text_column)
    : type_(checkpoint.problem_type()),
      labels_(checkpoint.labels()),
      place_(std::move(place)),
      text_column_(text_column),
      checked_(labels_, type_),
      expected_(labels_, type_) {
  const auto& columns = reader.columns();
  text_index_ = static_cast<std::size_t>(std::find(columns.begin(), columns.end(), text_column) - columns.begin());
  collected_.single.labels = collected_.multi.labels = static_cast<int32_t>(labels_.size());
}

void AnswerCollector::check(const Row& row) {
  ++rows_checked_;
  if (row.error.empty()) place_.read(checked_, row, rows_checked_);
}

void AnswerCollector::take(const Row& row, const Answer& answer) {
  ++rows_taken_;
  const Expected expected = place_.read(expected_, row, rows_taken_);
  collected_.rows.push_back(rows_taken_);
  switch (type_) {
    case ProblemType::kSingleLabelClassification:
      take_single(expected, answer);
      break;
    case ProblemType::kMultiLabelClassification:
      take_multi(expected, answer);
      break;
    case ProblemType::kRegression:
      collected_.expected.push_back(expected.value);
      collected_.predicted.push_back(static_cast<double>(answer.logits.front()));
      break;
  }
  remember(row, expected, answer);
}

void AnswerCollector::take_error(const Row&, std::string_view error) {
  ++rows_taken_;
  if (first_error_.empty()) first_error_ = error;
}

void AnswerCollector::take_single(const Expected& expected, const Answer& answer) {
  const int32_t best = answer.predictions.front().label;
  collected_.single.expected.push_back(expected.labels.front());
  collected_.single.predicted.push_back(best == kNoLabel ? kNothingPredicted : best);
  collected_.logits.insert(collected_.logits.end(), answer.logits.begin(), answer.logits.end());
}

void AnswerCollector::take_multi(const Expected& expected, const Answer& answer) {
  const std::size_t first = collected_.multi.expected.size();
  collected_.multi.expected.resize(first + labels_.size());
  collected_.multi.predicted.resize(first + labels_.size());
  for (const int32_t label : expected.labels) collected_.multi.expected[first + static_cast<std::size_t>(label)] = 1;
  for (const Prediction& given : answer.predictions) {
    if (given.label != kNoLabel) collected_.multi.predicted[first + static_cast<std::size_t>(given.label)] = 1;
  }
  collected_.multi.scores.insert(collected_.multi.scores.end(), answer.logits.begin(), answer.logits.end());
}

double AnswerCollector::loss_of(const Expected& expected, const Answer& answer) const {
  switch (type_) {
    case ProblemType::kSingleLabelClassification:
      return log_loss(answer.logits, static_cast<std::size_t>(expected.labels.front()));
    case ProblemType::kRegression: {
      const double error = static_cast<double>(answer.logits.front()) - expected.value;
      return error * error;
    }
    case ProblemType::kMultiLabelClassification:
      break;
  }
  double loss = 0;
  for (std::size_t k = 0; k < answer.logits.size(); ++k) {
    loss += log_loss(answer.logits[k], std::ranges::binary_search(expected.labels, static_cast<int32_t>(k)));
  }
  return loss;
}

/// Keeps the text where it is among the most wrong ones: a heap with the least wrong on top.
void AnswerCollector::remember(const Row& row, const Expected& expected, const Answer& answer) {
  std::vector<WrongText>& wrong = collected_.wrong;
  const double loss = loss_of(expected, answer);
  if (wrong.size() == kMostWrong && loss <= wrong.front().loss) return;
  std::vector<int32_t> given;
  for (const Prediction& one : answer.predictions) {
    if (one.label != kNoLabel) given.push_back(one.label);
  }
  std::ranges::sort(given);
  if (type_ != ProblemType::kRegression && given == expected.labels) return;
  const bool regression = type_ == ProblemType::kRegression;
  if (wrong.size() == kMostWrong) {
    std::ranges::pop_heap(wrong, less_wrong);
    wrong.pop_back();
  }
  wrong.push_back(
      {.row = rows_taken_,
       .text = excerpt(text_of(row), kExcerptBytes),
       .expected = regression ? format_number(expected.value) : words_of(expected.labels),
       .predicted = regression ? format_number(static_cast<double>(answer.logits.front())) : words_of(given),
       .loss = loss});
  std::ranges::push_heap(wrong, less_wrong);
}

std::string AnswerCollector::text_of(const Row& row) const {
  if (text_index_ < row.fields.size()) return row.fields[text_index_];
  const Json object = parse_json(row.raw, "row");
  const auto text = object.find(text_column_);
  return text != object.end() && text->is_string() ? text->get<std::string>() : "";
}

std::string AnswerCollector::words_of(const std::vector<int32_t>& labels) const {
  std::vector<std::string_view> names;
  for (const int32_t label : labels) names.push_back(labels_[static_cast<std::size_t>(label)]);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

CollectedAnswers AnswerCollector::finish() {
  std::ranges::sort(collected_.wrong, less_wrong);
  return std::move(collected_);
}

}  // namespace paceline
