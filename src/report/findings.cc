#include "report/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "report/accuracy_findings.h"
#include "results/describe.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Figures that served to choose favour the lucky, so they do not stand among those measured afresh.
bool ranks_before(const CellResult* a, const CellResult* b) {
  return std::tuple(!a->confirmed, a->ms_per_text.median) < std::tuple(!b->confirmed, b->ms_per_text.median);
}

std::string speed_words(const CellResult& cell) {
  const std::string interval = format_interval(cell.ms_per_text);
  return fmt::format("{} ms per text{}, {} texts per second", format_number(cell.ms_per_text.median),
                     interval.empty() ? "" : fmt::format(" (95 % interval {})", interval),
                     format_number(cell.texts_per_second));
}

std::string comparison_words(const BenchResults& results, const CellResult& cell) {
  if (!results.baseline || is_baseline(results, cell) || !has_median(cell.speedup)) return "";
  return fmt::format("{} times as fast{} as the baseline: {}", format_number(cell.speedup.median),
                     interval_in_brackets(cell.speedup), configuration_words(*results.baseline));
}

std::string action_words(const Configuration& is) {
  const std::string batches = is.batch_size > 0 ? fmt::format("batches of {} texts", batch_words(is))
                                                : fmt::format("batches of up to {}", batch_words(is));
  const std::string order = is.order == Order::kLength ? "sorted by length" : "in the order given";
  const std::string instances =
      is.instances > 1 ? fmt::format(", in {} instances of {}", is.instances, counted(is.threads, "thread")) : "";
  if (is.batch_size == 1) return fmt::format("Use {}, one text at a time{}.", backend_words(is), instances);
  return fmt::format("Use {} with {}, {}{}.", backend_words(is), batches, order, instances);
}

std::string total_words(const BenchResults& results, const CellResult& cell) {
  constexpr double kMillion = 1e6, kMillisecondsPerSecond = 1000;
  const double seconds = cell.ms_per_text.median * kMillion / kMillisecondsPerSecond;
  std::string words = "A million texts take " + format_duration(seconds);
  if (results.recommendation.cost_per_million > 0) {
    words += fmt::format(" and cost {} at {} an hour", format_number(results.recommendation.cost_per_million),
                         format_number(results.constraints.price_per_hour));
  }
  return words + ".";
}

std::string proof_words(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  if (backend == nullptr || !backend->gate.ran) return "";
  const GateResult& gate = backend->gate;
  const std::string oracle = gate.oracle == "reference" ? "the scalar reference" : gate.oracle;
  return fmt::format(
      "Its answers were compared with {} on {}: {} of the labels are equal, logits differ by at most {}.", oracle,
      counted(gate.texts, results.workload.unit()), format_percent(gate.agreement),
      format_difference(gate.max_abs_logit_diff));
}

std::vector<std::string> caveats(const BenchResults& results, const CellResult& choice) {
  std::vector<std::string> out;
  const CellResult* rival =
      is_undecided(results.recommendation) ? find_cell(results, *results.recommendation.runner_up) : nullptr;
  if (rival != nullptr) {
    out.push_back(fmt::format("Not decided: this run cannot tell it apart from {}. {}",
                              configuration_words(rival->configuration), deciding_words(results, choice, *rival)));
  }
  const CellResult* baseline = results.baseline ? find_cell(results, *results.baseline) : nullptr;
  if (baseline != nullptr && baseline != &choice && !baseline->confirmed && has_median(choice.speedup)) {
    out.emplace_back("The baseline was measured only once (exploratory), so the speed-up is less certain.");
  }
  return out;
}

std::vector<std::string> notices(const BenchResults& results) {
  std::vector<std::string> out;
  if (results.interrupted) {
    out.emplace_back("This run was interrupted. All figures are measured, but some configurations are missing.");
  }
  if (results.checkpoint.random_weights) {
    out.emplace_back(
        "The weights of this checkpoint are random: its labels mean nothing. Speed does not depend on the values of "
        "weights, so the figures hold for a trained model of the same shape.");
  }
  return out;
}

}  // namespace

std::vector<const CellResult*> ranked_cells(const BenchResults& results) {
  std::vector<const CellResult*> cells;
  for (const CellResult& cell : results.cells) cells.push_back(&cell);
  const auto without =
      std::stable_partition(cells.begin(), cells.end(), [](const CellResult* cell) { return was_measured(*cell); });
  std::stable_sort(cells.begin(), without, ranks_before);
  return cells;
}

std::vector<const CellResult*> best_cells(const BenchResults& results) {
  std::map<std::pair<std::string, Order>, bool> seen;
  std::vector<const CellResult*> best;
  for (const CellResult* cell : ranked_cells(results)) {
    if (!was_measured(*cell)) break;
    const Configuration& is = cell->configuration;
    const bool first = seen.emplace(std::pair(backend_label(results, is), is.order), true).second;
    if (first || is_recommended(results, *cell) || is_baseline(results, *cell)) best.push_back(cell);
  }
  return best;
}

std::vector<const CellResult*> best_of_backends(const BenchResults& results) {
  std::vector<std::string> seen;
  std::vector<const CellResult*> best;
  for (const CellResult* cell : ranked_cells(results)) {
    if (!was_measured(*cell)) break;
    std::string label = backend_label(results, cell->configuration);
    if (std::find(seen.begin(), seen.end(), label) != seen.end()) continue;
    seen.push_back(std::move(label));
    best.push_back(cell);
  }
  return best;
}

std::string backend_label(const BenchResults& results, const Configuration& configuration) {
  bool same_type = true, same_threads = true;
  for (const CellResult& cell : results.cells) {
    const Configuration& other = cell.configuration;
    same_type &= other.compute_type == configuration.compute_type && other.device == configuration.device;
    same_threads &= other.threads == configuration.threads && other.instances == configuration.instances;
  }
  const std::string name = same_type ? configuration.backend : backend_words(configuration);
  return same_threads
             ? name
             : fmt::format("{}, {} x {}", name, configuration.instances, counted(configuration.threads, "thread"));
}

std::vector<std::string> backend_labels(const BenchResults& results) {
  std::vector<std::string> labels;
  for (const CellResult& cell : results.cells) {
    const std::string label = backend_label(results, cell.configuration);
    if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
  }
  return labels;
}

std::set<std::string> backends_to_compare(const BenchResults& results) {
  constexpr std::size_t kReadable = 5;
  const std::vector<const CellResult*> best = best_of_backends(results);
  std::set<std::string> labels;
  std::set<std::pair<std::string, std::string>> seen;
  for (const CellResult* cell : best) {
    const Configuration& is = cell->configuration;
    const bool thinned = best.size() > kReadable;
    if (thinned && was_rejected(results, *cell)) continue;
    if (thinned && !seen.emplace(is.backend, is.device).second) continue;
    labels.insert(backend_label(results, is));
  }
  return labels;
}

std::string status_words(const BenchResults& results, const CellResult& cell) {
  if (!cell.error.empty()) return cell.error;
  if (!was_measured(cell)) return "not measured";
  std::string words = cell.confirmed ? "confirmed" : "exploratory";
  if (is_baseline(results, cell)) words = cell.confirmed ? "baseline" : "baseline, exploratory";
  if (is_recommended(results, cell)) words = is_baseline(results, cell) ? "recommended, baseline" : "recommended";
  if (is_recommended(results, cell) && is_undecided(results.recommendation)) words += ", not decided";
  if (was_rejected(results, cell)) words = "rejected";
  return cell.partial ? words + ", partial" : words;
}

bool is_undecided(const Recommendation& is) { return is.valid && is.runner_up && is.outcome == Lead::kUnresolved; }

Headline make_headline(const BenchResults& results) {
  Headline headline;
  headline.notices = notices(results);
  headline.reason = results.recommendation.reason;
  const CellResult* choice = results.recommendation.valid ? find_cell(results, results.recommendation.choice) : nullptr;
  if (choice != nullptr && was_measured(*choice)) {
    headline.title = configuration_words(choice->configuration);
    headline.action = action_words(choice->configuration);
    headline.speed = speed_words(*choice);
    headline.total = total_words(results, *choice);
    headline.frontier = frontier_words(results);
    headline.proof = proof_words(results, *choice);
    headline.caveats = caveats(results, *choice);
    if (headline.reason.empty()) headline.comparison = comparison_words(results, *choice);
    return headline;
  }
  const std::vector<const CellResult*> cells = ranked_cells(results);
  if (cells.empty() || !was_measured(*cells.front())) {
    headline.title = "Nothing was measured";
  } else {
    headline.title = "No recommendation";
    if (headline.reason.empty()) headline.reason = "No configuration that the gate accepted was confirmed.";
  }
  return headline;
}

std::vector<Rejection> rejections_by_reason(const BenchResults& results) {
  std::vector<Rejection> out;
  for (const Rejection& one : results.recommendation.rejections) {
    const std::string_view name = std::string_view(one.what).substr(0, one.what.find(' '));
    const auto alike = std::ranges::find_if(out, [&](const Rejection& other) {
      return other.why == one.why && std::string_view(other.what).substr(0, other.what.find(' ')) == name;
    });
    if (alike == out.end() || name.size() == one.what.size()) {
      out.push_back(one);
    } else {
      alike->what.append(",").append(one.what, name.size());
    }
  }
  return out;
}

std::vector<std::string> limit_words(const BenchResults& results) {
  const Constraints& is = results.constraints;
  std::vector<std::string> words;
  if (is.max_latency_ms > 0) {
    words.push_back(fmt::format("99 of 100 texts alone within {} ms", format_number(is.max_latency_ms)));
  }
  if (is.max_memory_bytes > 0) words.push_back("at most " + format_bytes(is.max_memory_bytes));
  std::ranges::move(accuracy_limit_words(results), std::back_inserter(words));
  return words;
}

std::string goal_words(const BenchResults& results) {
  const bool alone = results.constraints.objective == Objective::kLatency;
  const std::string goal = alone ? "least time of one text alone" : "least time per text";
  const std::vector<std::string> limits = limit_words(results);
  if (limits.empty()) return fmt::format("Goal: {}.", goal);
  return fmt::format("Goal: {}. Required: {}.", goal, fmt::join(limits, "; "));
}

}  // namespace paceline
