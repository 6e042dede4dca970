#include "results/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "words/numbers.h"

namespace paceline {

bool has_median(const Estimate& estimate) { return std::isfinite(estimate.median) && estimate.median > 0; }

bool has_interval(const Estimate& estimate) {
  return has_median(estimate) && std::isfinite(estimate.high) && estimate.low > 0 && estimate.high >= estimate.low;
}

std::string format_interval(const Estimate& estimate) {
  if (!has_interval(estimate)) return "";
  if (!is_plain(estimate.median)) return format_number(estimate.low) + " to " + format_number(estimate.high);
  const int decimals = decimals_of(estimate.median, 3);
  return fmt::format("{} to {}", format_decimals(estimate.low, decimals), format_decimals(estimate.high, decimals));
}

std::string interval_in_brackets(const Estimate& estimate) {
  return has_interval(estimate) ? fmt::format(" ({})", format_interval(estimate)) : "";
}

std::string backend_words(const Configuration& configuration) {
  std::string words = configuration.backend + " " + configuration.compute_type;
  if (configuration.device != "cpu") words += " on " + configuration.device;
  return words;
}

std::string backend_words(const BackendResult& backend) {
  return backend_words(
      Configuration{.backend = backend.backend, .compute_type = backend.compute_type, .device = backend.device});
}

std::string_view order_words(Order order) { return order == Order::kLength ? "sorted by length" : "as given"; }

std::string batch_words(const Configuration& configuration) {
  if (configuration.batch_size > 0) return format_count(configuration.batch_size);
  return format_count(configuration.max_batch_tokens) + " tokens";
}

std::string configuration_words(const Configuration& configuration) {
  const std::string batch = configuration.batch_size > 0
                                ? fmt::format("batch size {}", configuration.batch_size)
                                : fmt::format("at most {} a batch", batch_words(configuration));
  const std::string order(configuration.order == Order::kLength ? "sorted by length" : "texts as given");
  const std::string words = fmt::format("{}, {}, {}", backend_words(configuration), batch, order);
  if (configuration.instances == 1) return words;
  return words + fmt::format(", {} instances of {} {}", configuration.instances, configuration.threads,
                             configuration.threads == 1 ? "thread" : "threads");
}

std::string deciding_words(const BenchResults& results, const CellResult& one, const CellResult& other) {
  const bool all_drawn = results.workload.texts >= results.workload.texts_available;
  switch (std::min(one.limit, other.limit)) {
    case ConfirmationLimit::kBudget:
      return "A larger --budget or a quieter machine may decide.";
    case ConfirmationLimit::kTexts:
      return all_drawn ? "More texts than this file has, or a quieter machine may decide."
                       : "A larger --texts or a quieter machine may decide.";
    case ConfirmationLimit::kNone:
      break;
  }
  return "Only a quieter machine may decide: both had as many rounds and texts as bench measures.";
}

std::string_view metric_words(Metric metric) {
  switch (metric) {
    case Metric::kAccuracy:
      return "accuracy";
    case Metric::kMicroF1:
      return "micro-F1";
    case Metric::kPearson:
      break;
  }
  return "Pearson correlation";
}

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::kAccuracy:
      return "Accuracy";
    case Metric::kMicroF1:
      return "Micro-F1";
    case Metric::kPearson:
      break;
  }
  return metric_words(metric);
}

std::string metric_figure(Metric metric, double value) {
  return metric == Metric::kAccuracy ? format_percent(value) : format_decimals(value, 3);
}

std::string metric_score(Metric metric, const Score& score) {
  const std::string low =
      metric == Metric::kAccuracy ? format_decimals(100 * score.low, 1) : metric_figure(metric, score.low);
  return fmt::format("{} (95 % interval {} to {})", metric_figure(metric, score.value), low,
                     metric_figure(metric, score.high));
}

std::string metric_amount(Metric metric, double amount) {
  return metric == Metric::kAccuracy ? format_decimals(100 * amount, 2) + " points" : format_decimals(amount, 4);
}

std::string metric_difference(Metric metric, double difference) {
  return fmt::format("{}{}", difference > 0 ? "+" : "", metric_amount(metric, difference));
}

std::string metric_change(Metric metric, const Score& difference) {
  const auto without_unit = [&](double end) {
    const std::string words = metric_difference(metric, end);
    return words.substr(0, words.find(' '));
  };
  return fmt::format("{} (95 % interval {} to {})", metric_difference(metric, difference.value),
                     without_unit(difference.low), without_unit(difference.high));
}

std::string peaks_words(const Roof& roof) {
  std::string words;
  for (const RoofFigure& figure : kRoofFigures) {
    if (!figure.of_compute_type) continue;
    const double value = roof.*figure.value;
    const std::string reached = value > 0 ? fmt::format("{} {}", format_number(value), figure.unit) : "none";
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", figure.key, reached);
  }
  return words;
}

}  // namespace paceline
