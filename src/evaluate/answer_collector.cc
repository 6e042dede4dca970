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

/// As in "3 rows are left out: no label."
std::string_view reason_of(RowFault fault) {
  switch (fault) {
    case RowFault::kUnreadable:
      return "unreadable";
    case RowFault::kNoToken:
      return "an empty text, for which the model has no token";
    case RowFault::kUnlabelled:
      return "no label";
    case RowFault::kRefused:
      return "refused by the tokenizer or the model";
    case RowFault::kNotANumber:
      break;
  }
  return "the model's answer is not a number";
}

void add_single(CollectedAnswers& collected, const Expected& expected, const Answer& answer) {
  const int32_t best = answer.predictions.front().label;
  collected.single.expected.push_back(expected.labels.front());
  collected.single.predicted.push_back(best == kNoLabel ? kNothingPredicted : best);
  collected.logits.add(answer.logits, expected.labels.front());
}

void add_multi(MultiLabels& to, const Expected& expected, const Answer& answer) {
  const std::size_t first = to.expected.size();
  const auto labels = static_cast<std::size_t>(to.labels);
  to.expected.resize(first + labels);
  to.predicted.resize(first + labels);
  for (const int32_t label : expected.labels) to.expected[first + static_cast<std::size_t>(label)] = 1;
  for (const Prediction& given : answer.predictions) {
    if (given.label != kNoLabel) to.predicted[first + static_cast<std::size_t>(given.label)] = 1;
  }
  to.scores.insert(to.scores.end(), answer.logits.begin(), answer.logits.end());
}

}  // namespace

AnswerOptions scored_answers(const LabelOptions& labels, const Checkpoint& checkpoint, std::string_view where) {
  const ProblemType type = checkpoint.problem_type();
  LabelRules rules = resolve_labels(labels, checkpoint.labels(), type, where);
  const bool several = type == ProblemType::kMultiLabelClassification;
  if (several && rules.thresholds.empty()) rules.thresholds.assign(checkpoint.labels().size(), kDefaultThreshold);
  return {.labels = std::move(rules), .top_k = several || type == ProblemType::kRegression ? 0 : 1};
}

CollectedAnswers no_answers(std::size_t labels) {
  CollectedAnswers none;
  none.single.labels = none.multi.labels = static_cast<int32_t>(labels);
  none.logits = SingleLabelLogits(none.single.labels);
  return none;
}

void add_answer(CollectedAnswers& collected, ProblemType type, int64_t row, const Expected& expected,
                const Answer& answer) {
  collected.rows.push_back(row);
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      add_single(collected, expected, answer);
      break;
    case ProblemType::kMultiLabelClassification:
      add_multi(collected.multi, expected, answer);
      break;
    case ProblemType::kRegression:
      collected.expected.push_back(expected.value);
      collected.predicted.push_back(static_cast<double>(answer.logits.front()));
      break;
  }
}

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

AnswerCollector::AnswerCollector(const Checkpoint& checkpoint, const RowReader& reader, const RowReaderOptions& rows,
                                 std::vector<float> weights)
    : type_(checkpoint.problem_type()),
      labels_(checkpoint.labels()),
      place_{rows.label_column, reader.format()},
      weights_(std::move(weights)),
      text_columns_{rows.text_column.value_or(kDefaultTextColumn)},
      checked_(labels_, type_),
      expected_(labels_, type_),
      collected_(no_answers(labels_.size())) {
  if (!rows.pair_column.empty()) text_columns_.push_back(rows.pair_column);
  const std::vector<std::string>& columns = reader.columns();
  if (columns.empty()) return;
  for (const std::string& name : text_columns_) {
    text_indices_.push_back(static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin()));
  }
}

void AnswerCollector::check(const Row& row) {
  ++rows_checked_;
  if (!row.error.empty()) return;
  place_.read(checked_, row, rows_checked_);
  if (is_blank(row.text.first) && is_blank(row.text.second.value_or(""))) ++empty_texts_;
}

void AnswerCollector::take(const Row& row, const Answer& answer) {
  ++rows_taken_;
  const Expected expected = place_.read(expected_, row, rows_taken_);
  if (weights_.empty()) return add(row, expected, answer);
  Answer weighed = answer;
  weigh_logits(weighed.logits, type_, weights_);
  add(row, expected, weighed);
}

void AnswerCollector::add(const Row& row, const Expected& expected, const Answer& answer) {
  add_answer(collected_, type_, rows_taken_, expected, answer);
  remember(row, expected, answer);
}

void AnswerCollector::take_error(const Row&, RowFault fault, std::string_view error) {
  ++rows_taken_;
  SkippedRows& skipped = skipped_[fault];
  if (skipped.rows++ > 0) return;
  skipped.reason = reason_of(fault);
  // The model's own errors do not say which row it was.
  skipped.first = fault == RowFault::kNotANumber ? fmt::format("[row {}] {}", rows_taken_, error) : std::string(error);
}

std::vector<SkippedRows> AnswerCollector::skipped() const {
  std::vector<SkippedRows> all;
  for (const auto& [fault, rows] : skipped_) all.push_back(rows);
  return all;
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
  std::vector<int32_t> given;
  for (const Prediction& one : answer.predictions) {
    if (one.label != kNoLabel) given.push_back(one.label);
  }
  std::ranges::sort(given);
  const bool regression = type_ == ProblemType::kRegression;
  if (!regression && given == expected.labels) return;
  std::vector<WrongText>& wrong = collected_.wrong;
  const double loss = loss_of(expected, answer);
  if (wrong.size() == kMostWrong && loss <= wrong.front().loss) return;
  if (wrong.size() == kMostWrong) {
    std::ranges::pop_heap(wrong, less_wrong);
    wrong.pop_back();
  }
  wrong.push_back(
      {.row = rows_taken_,
       .text = {},
       .expected = regression ? format_number(expected.value) : words_of(expected.labels),
       .predicted = regression ? format_number(static_cast<double>(answer.logits.front())) : words_of(given),
       .loss = loss});
  show_texts(row, wrong.back());
  std::ranges::push_heap(wrong, less_wrong);
}

void AnswerCollector::show_texts(const Row& row, WrongText& wrong) const {
  std::vector<std::string> texts;
  for (const std::size_t index : text_indices_) texts.push_back(row.fields[index]);
  if (text_indices_.empty()) {
    const Json object = parse_json(row.raw, "row");
    for (const std::string& name : text_columns_) texts.push_back(object.value(name, ""));
  }
  wrong.text = excerpt(texts.front(), kExcerptBytes);
  if (texts.size() > 1) wrong.pair = excerpt(texts.back(), kExcerptBytes);
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
