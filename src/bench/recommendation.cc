#include "bench/recommendation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "backend/registry.h"
#include "bench/budget_planner.h"
#include "bench/format_estimate.h"
#include "bench/series.h"
#include "bench/statistics.h"

namespace paceline {
namespace {

const BackendResult* backend_of(const BenchResults& results, const Configuration& configuration) {
  for (const BackendResult& backend : results.backends) {
    if (backend.backend == configuration.backend && backend.compute_type == configuration.compute_type) return &backend;
  }
  return nullptr;
}

/// p99 of a backend at batch size 1; 0 where it was not measured.
double p99_at_batch_one(const BenchResults& results, const Configuration& configuration) {
  for (const CellResult& cell : results.cells) {
    const Configuration& other = cell.configuration;
    if (other.batch_size == 1 && other.backend == configuration.backend &&
        other.compute_type == configuration.compute_type && cell.p99_ms > 0) {
      return cell.p99_ms;
    }
  }
  return 0;
}

bool measured(const CellResult& cell) { return cell.error.empty() && cell.rounds > 0; }

bool accepted(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = backend_of(results, cell.configuration);
  return measured(cell) && backend != nullptr && backend->gate.accepted;
}

bool respects(const BenchResults& results, const CellResult& cell, const Constraints& constraints) {
  const BackendResult* backend = backend_of(results, cell.configuration);
  if (constraints.objective == Objective::kLatency && cell.configuration.batch_size != 1) return false;
  if (constraints.max_memory_bytes > 0 && backend->peak_memory_bytes > constraints.max_memory_bytes) return false;
  if (constraints.max_latency_ms <= 0) return true;
  const double p99 = p99_at_batch_one(results, cell.configuration);
  return p99 > 0 && p99 <= constraints.max_latency_ms;
}

/// Indices of the cells that `keep` lets through, fastest first.
template <class Keep>
std::vector<std::size_t> fastest_first(const BenchResults& results, const Keep& keep) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    if (keep(results.cells[i])) indices.push_back(i);
  }
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) {
    return results.cells[a].ms_per_text.median < results.cells[b].ms_per_text.median;
  });
  return indices;
}

Estimate time_ratio(const CellResult& slower, const CellResult& faster) {
  return estimate(paired_ratios(slower.timings, faster.timings));
}

std::size_t dependencies(const std::string& backend) {
  const std::vector<BackendEntry>& known = known_backends();
  const auto found = std::find_if(known.begin(), known.end(), [&](const BackendEntry& e) { return e.name == backend; });
  return static_cast<std::size_t>(found - known.begin());
}

/// Texts of a typical batch.
double batch_texts(const BenchResults& results, const Configuration& configuration) {
  if (configuration.batch_size > 0) return configuration.batch_size;
  return configuration.max_batch_tokens / results.workload.mean_tokens;
}

/// What decides between equally fast cells; smaller is better.
auto modesty(const BenchResults& results, const CellResult& cell) {
  const Configuration& at = cell.configuration;
  return std::tuple(batch_texts(results, at), backend_of(results, at)->peak_memory_bytes, dependencies(at.backend),
                    at.order != Order::kInput);
}

std::string cell_words(const CellResult& cell) {
  return fmt::format("{}: {} ms per text ({}), {} texts/s", describe_configuration(cell.configuration),
                     format_number(cell.ms_per_text.median), format_interval(cell.ms_per_text),
                     format_number(cell.texts_per_second));
}

std::string ratio_words(const Estimate& ratio) {
  return fmt::format("{} ({} to {})", format_decimals(ratio.median, 2), format_decimals(ratio.low, 2),
                     format_decimals(ratio.high, 2));
}

std::string runner_up_words(const BenchResults& results, const Recommendation& chosen, const CellResult& runner_up) {
  const std::string other = describe_configuration(runner_up.configuration);
  const std::string ratio = ratio_words(chosen.lead);
  if (chosen.outcome == Lead::kFaster) {
    return fmt::format(" The runner-up, {}, takes {} times as long.", other, ratio);
  }
  if (chosen.outcome == Lead::kUnresolved) {
    return fmt::format(
        " The runner-up, {}, cannot be told apart in this run (ratio {}); a larger --budget or a quieter machine would "
        "tell.",
        other, ratio);
  }
  const bool smaller = batch_texts(results, chosen.choice) < batch_texts(results, runner_up.configuration);
  return fmt::format(" The runner-up, {}, is equally fast (ratio {}); the choice has {}.", other, ratio,
                     smaller ? "the smaller batch" : "the more modest needs");
}

/// The fastest confirmed cell of each backend other than the choice's and the runner-up's, in words.
std::string rivals_words(const BenchResults& results, const CellResult& choice, const CellResult* runner_up) {
  std::string words;
  std::set<std::string> told{choice.configuration.backend};
  if (runner_up != nullptr) told.insert(runner_up->configuration.backend);
  const auto confirmed = [&](const CellResult& cell) { return cell.confirmed && accepted(results, cell); };
  for (std::size_t index : fastest_first(results, confirmed)) {
    const CellResult& cell = results.cells[index];
    if (!told.insert(cell.configuration.backend).second) continue;
    words += fmt::format(" {} at its best ({}) takes {} times as long.", cell.configuration.backend,
                         describe_configuration(cell.configuration), ratio_words(time_ratio(cell, choice)));
  }
  return words;
}

std::string reason_words(const BenchResults& results, const Recommendation& chosen, const CellResult& choice,
                         const CellResult* runner_up, const Constraints& constraints) {
  std::string words = cell_words(choice) + ".";
  if (choice.speedup.median > 0 && results.baseline && !(*results.baseline == choice.configuration)) {
    words += fmt::format(" {} times the speed of the baseline ({}).", ratio_words(choice.speedup),
                         describe_configuration(*results.baseline));
  }
  if (runner_up != nullptr) words += runner_up_words(results, chosen, *runner_up);
  words += rivals_words(results, choice, runner_up);
  if (constraints.price_per_hour > 0) {
    // price per hour * ms per text * 1e6 texts / 3.6e6 ms per hour
    words += fmt::format(" A million texts cost {:.2f} at {:.2f} an hour.",
                         constraints.price_per_hour * choice.ms_per_text.median / 3.6, constraints.price_per_hour);
  }
  if (results.checkpoint.random_weights) words += " The checkpoint's weights are random: its labels mean nothing.";
  return words;
}

Recommendation nothing(const BenchResults& results, const Constraints& constraints) {
  Recommendation none;
  none.objective = objective_name(constraints.objective);
  const auto any = [&](auto&& keep) { return std::any_of(results.cells.begin(), results.cells.end(), keep); };
  if (results.interrupted) {
    none.reason = "No recommendation: the run was interrupted before any configuration was confirmed.";
  } else if (!any(measured)) {
    none.reason = "No recommendation: no configuration could be measured.";
  } else if (!any([&](const CellResult& cell) { return accepted(results, cell); })) {
    none.reason = "No recommendation: no backend passed the gate.";
  } else {
    none.reason =
        "No recommendation: no configuration that passed the gate meets the limits asked for "
        "(--objective latency needs batch size 1; --max-latency-ms, --max-memory).";
  }
  return none;
}

}  // namespace

std::vector<std::size_t> choose_finalists(const BenchResults& results, std::size_t baseline,
                                          const Constraints& constraints) {
  const auto passed = [&](const CellResult& cell) { return accepted(results, cell); };
  std::vector<std::size_t> finalists;
  const auto add = [&](std::size_t index) {
    if (std::ranges::find(finalists, index) == finalists.end()) finalists.push_back(index);
  };
  for (std::size_t index : fastest_first(results, passed)) {
    const bool may_win = respects(results, results.cells[index], constraints);
    if (may_win && finalists.size() < kCandidates) add(index);
  }
  if (measured(results.cells[baseline])) add(baseline);
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t index : fastest_first(results, passed)) {
    const Configuration& at = results.cells[index].configuration;
    if (seen.emplace(at.backend, at.compute_type).second) add(index);
  }
  return finalists;
}

Recommendation recommend(const BenchResults& results, const Constraints& constraints) {
  const std::vector<std::size_t> candidates = fastest_first(results, [&](const CellResult& cell) {
    return cell.confirmed && accepted(results, cell) && respects(results, cell, constraints);
  });
  if (candidates.empty()) return nothing(results, constraints);
  const CellResult& fastest = results.cells[candidates.front()];
  std::size_t choice = candidates.front();
  for (std::size_t index : candidates) {
    const CellResult& cell = results.cells[index];
    if (!interchangeable(time_ratio(cell, fastest))) continue;
    if (modesty(results, cell) < modesty(results, results.cells[choice])) choice = index;
  }
  const CellResult& chosen = results.cells[choice];
  Recommendation recommendation;
  recommendation.valid = true;
  recommendation.choice = chosen.configuration;
  recommendation.objective = objective_name(constraints.objective);
  const CellResult* runner_up = nullptr;
  for (std::size_t index : candidates) {
    if (index != choice && runner_up == nullptr) runner_up = &results.cells[index];
  }
  if (runner_up != nullptr) {
    recommendation.runner_up = runner_up->configuration;
    recommendation.lead = time_ratio(*runner_up, chosen);
    recommendation.outcome = lead_of(recommendation.lead);
  }
  recommendation.reason = reason_words(results, recommendation, chosen, runner_up, constraints);
  return recommendation;
}

}  // namespace paceline
