#include "train/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "metrics/regression.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

struct MetricRow {
  ProblemType type;
  TrainingMetric metric;
  Score (*score)(const TaskScores& scores);
};

Score known(const std::optional<Score>& score) { return score.value_or(Score{}); }

using enum ProblemType;
using enum TrainingMetric::Needs;

constexpr MetricRow kMetrics[] = {
    {kSingleLabelClassification, {"accuracy"}, [](const TaskScores& is) { return is.single->accuracy; }},
    {kSingleLabelClassification, {"macro-f1"}, [](const TaskScores& is) { return is.single->macro_f1; }},
    {kMultiLabelClassification, {"micro-f1", true, kLabels}, [](const TaskScores& is) { return is.multi->micro_f1; }},
    {kMultiLabelClassification, {"macro-f1", true, kLabels}, [](const TaskScores& is) { return is.multi->macro_f1; }},
    {kMultiLabelClassification, {"exact"}, [](const TaskScores& is) { return is.multi->exact; }},
    {kMultiLabelClassification,
     {kAveragePrecisionMetric, true, kLabels},
     [](const TaskScores& is) { return known(is.multi->average_precision); }},
    {kRegression,
     {"pearson", true, kDifferentValues},
     [](const TaskScores& is) { return known(is.regression->pearson); }},
    {kRegression,
     {"spearman", true, kDifferentValues},
     [](const TaskScores& is) { return known(is.regression->spearman); }},
    {kRegression, {"mse", false}, [](const TaskScores& is) { return is.regression->mean_squared_error; }},
    {kRegression, {"mae", false}, [](const TaskScores& is) { return is.regression->mean_absolute_error; }},
};

}  // namespace

TrainingMetric find_metric(std::string_view name, ProblemType type) {
  std::vector<std::string> names;
  for (const MetricRow& row : kMetrics) {
    if (row.type != type) continue;
    if (name.empty() || name == row.metric.name) return row.metric;
    names.emplace_back(row.metric.name);
  }
  if (name == kLossMetric) return {.name = kLossMetric, .higher_is_better = false};
  names.emplace_back(kLossMetric);
  throw Error(ErrorCode::kInvalidArgument, fmt::format("[finetune] --metric \"{}\" is none of a {}. {}", excerpt(name),
                                                       problem_type_name(type), suggestion(name, names)));
}

std::vector<std::string> known_metrics() {
  std::vector<std::string> names;
  for (const MetricRow& row : kMetrics) {
    if (std::ranges::find(names, row.metric.name) == names.end()) names.emplace_back(row.metric.name);
  }
  names.emplace_back(kLossMetric);
  return names;
}

void check_metric(const TrainingMetric& metric, const TokenStore& eval) {
  const int64_t texts = eval.texts();
  const auto refuse = [&](const std::string& needed, std::string_view others) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[finetune] --metric {} cannot tell which weights are best: the eval file has {}. Choose "
                            "--metric {}, or a file with more.",
                            metric.name, needed, others));
  };
  if (metric.needs == kLabels) {
    for (int64_t text = 0; text < texts; ++text) {
      if (!eval.expected(text).labels.empty()) return;
    }
    refuse("no text with a label", "exact or loss");
  } else if (metric.needs == kDifferentValues) {
    if (texts < static_cast<int64_t>(kFewestForCorrelation)) {
      refuse(fmt::format("{}, and {} needs {}", counted(texts, "text"), metric.name, kFewestForCorrelation),
             "mse or mae");
    }
    const double first = eval.expected(0).value;
    for (int64_t text = 1; text < texts; ++text) {
      if (eval.expected(text).value != first) return;
    }
    refuse(fmt::format("only the value {}", format_number(first)), "mse or mae");
  }
}

Score metric_score(const TrainingMetric& metric, const TaskScores& scores, double loss) {
  const ProblemType type = scores.single  ? kSingleLabelClassification
                           : scores.multi ? kMultiLabelClassification
                                          : kRegression;
  for (const MetricRow& row : kMetrics) {
    if (row.type == type && row.metric.name == metric.name) return row.score(scores);
  }
  return {.value = loss, .low = loss, .high = loss};
}

}  // namespace paceline
