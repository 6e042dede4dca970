#include "report/accuracy_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

bool surely_better(const Score& one, const Score& other) {
  return one.value - other.value > std::hypot(one.value - one.low, other.high - other.value);
}

std::string place_words(const BenchResults& results, const CellResult& cell) {
  return fmt::format(
      "{} {} at {} texts per second", backend_label(results, cell.configuration),
      metric_figure(results.labelled->metric, find_accuracy(results, cell.configuration)->headline.value),
      format_number(cell.texts_per_second));
}

/// What a compute type may lose: "at most 0.50 points of accuracy below fp32".
std::string loss_words(Metric metric, double loss) {
  const std::string amount = metric_amount(metric, loss);
  return metric == Metric::kAccuracy ? fmt::format("at most {} of accuracy below fp32", amount)
                                     : fmt::format("{} at most {} below that of fp32", metric_words(metric), amount);
}

/// Whether the share of equal labels judged a backend though labels are known.
bool agreement_decided(const BenchResults& results) {
  return std::ranges::any_of(results.backends, [](const BackendResult& one) {
    return one.gate.ran && one.compute_type != "fp32" && one.gate.basis == GateBasis::kAnswers;
  });
}

}  // namespace

Score accuracy_change(const AccuracyResult& accuracy) { return accuracy.difference.value_or(Score{}); }

std::vector<const CellResult*> accuracy_frontier(const BenchResults& results) {
  std::vector<const CellResult*> frontier;
  Score best;
  std::vector<const CellResult*> cells = best_of_backends(results);
  std::ranges::stable_sort(cells, {}, [](const CellResult* cell) { return cell->ms_per_text.median; });
  for (const CellResult* cell : cells) {
    const AccuracyResult* accuracy = find_accuracy(results, cell->configuration);
    if (accuracy == nullptr || was_rejected(results, *cell)) continue;
    const Score change = accuracy_change(*accuracy);
    if (!frontier.empty() && !surely_better(change, best)) continue;
    best = change;
    frontier.push_back(cell);
  }
  return frontier;
}

std::string frontier_words(const BenchResults& results) {
  const std::vector<const CellResult*> frontier = accuracy_frontier(results);
  if (frontier.empty()) return "";
  std::vector<std::string> places;
  for (const CellResult* cell : frontier) places.push_back(place_words(results, *cell));
  return fmt::format("{} over speed: {}. {} ({}).", metric_name(results.labelled->metric), fmt::join(places, "; "),
                     frontier.size() == 1
                         ? "It is the fastest that the gate accepted, and no slower one is surely better"
                         : "Each is surely better than the faster one before it",
                     counted(results.labelled->texts, "labelled text"));
}

std::vector<std::string> accuracy_limit_words(const BenchResults& results) {
  const Constraints& is = results.constraints;
  const Metric metric = results.labelled ? results.labelled->metric : Metric::kAccuracy;
  std::vector<std::string> words;
  if (is.min_accuracy > 0) {
    words.push_back(fmt::format("{} of at least {}", metric_words(metric), metric_figure(metric, is.min_accuracy)));
  }
  const bool scored = is.max_accuracy_loss && results.labelled && results.labelled->texts > 0;
  if (scored) words.push_back(loss_words(metric, *is.max_accuracy_loss));
  if (is.min_agreement > 0 && (!scored || agreement_decided(results))) {
    words.push_back(fmt::format("at least {} of the labels as in fp32{}", format_percent(is.min_agreement),
                                scored ? " where the labelled texts are too few to tell" : ""));
  }
  return words;
}

}  // namespace paceline
