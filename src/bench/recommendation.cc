#include "bench/recommendation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "backend/registry.h"
#include "bench/budget_planner.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "results/statistics.h"
#include "results/time_ratios.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Whether two configurations run on the same backend, at the same compute type, device and parallelism.
bool same_backend(const Configuration& a, const Configuration& b) {
  return a.backend == b.backend && a.compute_type == b.compute_type && a.device == b.device && a.threads == b.threads &&
         a.instances == b.instances;
}

/// p99 of a backend at batch size 1; 0 where it was not measured.
double p99_at_batch_one(const BenchResults& results, const Configuration& configuration) {
  for (const CellResult& cell : results.cells) {
    if (cell.configuration.batch_size == 1 && same_backend(cell.configuration, configuration) && cell.p99_ms > 0) {
      return cell.p99_ms;
    }
  }
  return 0;
}

/// Whether the run varied threads or instances, so that a name has to tell them.
bool varies_parallelism(const BenchResults& results) {
  const auto differs = [&](const BackendResult& one) {
    return one.device == "cpu" &&
           (one.threads != results.backends.front().threads || one.instances != results.backends.front().instances);
  };
  return std::ranges::any_of(results.backends, differs);
}

/// "native fp32, batch size 32, sorted by length, 2 instances of 1 thread".
std::string words_of(const BenchResults& results, const Configuration& at) {
  std::string words = configuration_words(at);
  if (at.instances == 1 && varies_parallelism(results)) {
    words += ", " + counted(at.threads, "thread");
  }
  return words;
}

bool measured(const CellResult& cell) { return cell.error.empty() && cell.rounds > 0; }

bool accepted(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  return measured(cell) && backend != nullptr && backend->gate.accepted;
}

/// Why a backend's answers are too often wrong; empty where they are not.
std::string accuracy_shortfall(const BenchResults& results, const BackendResult& backend) {
  const double least = results.constraints.min_accuracy;
  if (least <= 0 || !results.labelled) return "";
  const Metric metric = results.labelled->metric;
  if (!backend.accuracy) return fmt::format("has no {} on the labelled texts", metric_words(metric));
  if (backend.accuracy->headline.value >= least) return "";
  return fmt::format("has {} of {}, {} was asked for", metric_words(metric),
                     metric_score(metric, backend.accuracy->headline), metric_figure(metric, least));
}

/// The limit that a cell breaks, in words; empty where it keeps all.
std::string broken_limit(const BenchResults& results, const CellResult& cell) {
  const Constraints& constraints = results.constraints;
  const BackendResult* backend = find_backend(results, cell.configuration);
  if (constraints.objective == Objective::kLatency && cell.configuration.batch_size != 1) {
    return "was not measured with batch size 1, which --objective latency needs";
  }
  if (constraints.max_memory_bytes > 0 && backend->peak_memory_bytes > constraints.max_memory_bytes) {
    return fmt::format("needs {} MB of memory, {} MB were allowed", format_number(backend->peak_memory_bytes / 1e6),
                       format_number(static_cast<double>(constraints.max_memory_bytes) / 1e6));
  }
  if (const std::string shortfall = accuracy_shortfall(results, *backend); !shortfall.empty()) return shortfall;
  if (constraints.max_latency_ms <= 0) return "";
  const double p99 = p99_at_batch_one(results, cell.configuration);
  if (p99 <= 0) return "was not measured with single texts, so that its latency is not known";
  if (p99 <= constraints.max_latency_ms) return "";
  return fmt::format("takes {} ms for a single text (the slowest in a hundred), {} ms were allowed", format_number(p99),
                     format_number(constraints.max_latency_ms));
}

bool respects(const BenchResults& results, const CellResult& cell) { return broken_limit(results, cell).empty(); }

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

/// A user's own file depends on what its engine does.
std::size_t dependencies(const BackendResult& backend_result) {
  const std::string& backend = backend_result.engine;
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
  const BackendResult* backend = find_backend(results, at);
  return std::tuple(batch_texts(results, at), backend->peak_memory_bytes, dependencies(*backend),
                    at.order != Order::kInput);
}

std::string ratio_words(const Estimate& ratio) {
  return fmt::format("{} ({} to {})", format_decimals(ratio.median, 2), format_decimals(ratio.low, 2),
                     format_decimals(ratio.high, 2));
}

std::string choice_words(const BenchResults& results, const CellResult& cell) {
  return fmt::format("{}: {} ms per text ({}), {} texts/s.", words_of(results, cell.configuration),
                     format_number(cell.ms_per_text.median), format_interval(cell.ms_per_text),
                     format_number(cell.texts_per_second));
}

/// "; the recommended one needs less memory": by what modesty() decides, where it decides for the choice.
std::string preference_words(const BenchResults& results, const CellResult& choice, const CellResult& other) {
  const auto ours = modesty(results, choice);
  const auto theirs = modesty(results, other);
  if (!(ours < theirs)) return "";
  const char* reason = std::get<0>(ours) < std::get<0>(theirs)   ? "has the smaller batch"
                       : std::get<1>(ours) < std::get<1>(theirs) ? "needs less memory"
                       : std::get<2>(ours) < std::get<2>(theirs) ? "has fewer dependencies"
                                                                 : "keeps the texts in their order";
  return fmt::format("; the recommended one {}", reason);
}

std::string runner_up_words(const BenchResults& results, const Recommendation& chosen, const CellResult& choice,
                            const CellResult& runner_up) {
  const std::string other = words_of(results, runner_up.configuration);
  const std::string ratio = ratio_words(chosen.lead);
  switch (chosen.outcome) {
    case Lead::kFaster:
      return fmt::format(" The runner-up, {}, takes {} times as long.", other, ratio);
    case Lead::kUnresolved:
      return fmt::format(" The runner-up, {}, cannot be told apart in this run (ratio {}). {}", other, ratio,
                         deciding_words(results, choice, runner_up));
    case Lead::kEqual:
      break;
  }
  return fmt::format(" The runner-up, {}, is equally fast (ratio {}){}.", other, ratio,
                     preference_words(results, choice, runner_up));
}

/// " Its accuracy on 1,000 labelled texts is 91.2 % (95 % interval 89.3 to 92.8 %)."
std::string accuracy_sentence(const BenchResults& results, const AccuracyResult& accuracy) {
  const LabelledSummary& is = *results.labelled;
  std::string words = fmt::format(" Its {} on {} is {}", metric_words(is.metric), counted(is.texts, "labelled text"),
                                  metric_score(is.metric, accuracy.headline));
  if (accuracy.difference) {
    words += fmt::format(", {} against {}", metric_change(is.metric, *accuracy.difference), is.oracle);
  }
  words += ".";
  const double least = results.constraints.min_accuracy;
  if (least <= 0 || accuracy.headline.low >= least) return words;
  return words + fmt::format(" --min-accuracy looks at these texts alone: on others like them it may be below {}.",
                             metric_figure(is.metric, least));
}

std::string reason_words(const BenchResults& results, const Recommendation& chosen, const CellResult& choice,
                         const CellResult* runner_up) {
  std::string words = choice_words(results, choice);
  if (choice.speedup.median > 0 && results.baseline && !(*results.baseline == choice.configuration)) {
    const CellResult* baseline = find_cell(results, *results.baseline);
    words += fmt::format(" {} times the speed of the baseline ({}{}).", ratio_words(choice.speedup),
                         words_of(results, *results.baseline),
                         baseline != nullptr && !baseline->confirmed ? "; exploratory" : "");
  }
  if (const AccuracyResult* accuracy = find_accuracy(results, choice.configuration)) {
    words += accuracy_sentence(results, *accuracy);
  }
  if (runner_up != nullptr) words += runner_up_words(results, chosen, choice, *runner_up);
  if (chosen.cost_per_million > 0) {
    words += fmt::format(" A million texts cost {:.2f} at {:.2f} an hour.", chosen.cost_per_million,
                         results.constraints.price_per_hour);
  }
  if (results.checkpoint.random_weights) words += " The checkpoint's weights are random: its labels mean nothing.";
  return words;
}

/// Why the best that a backend has was not taken, against the choice where there is one.
std::string why_not(const BenchResults& results, const TimeRatios& time_ratio, const CellResult& cell,
                    const CellResult* choice) {
  const std::string limit = broken_limit(results, cell);
  if (!limit.empty()) return limit;
  if (choice == nullptr) return "was not confirmed";
  const Estimate ratio = time_ratio(cell, *choice);
  if (!(ratio.median > 0)) return "was not measured beside the choice";
  const std::string at_best = fmt::format(" at its best ({})", words_of(results, cell.configuration));
  switch (lead_of(ratio)) {
    case Lead::kFaster:
      return fmt::format("takes {} times as long{}", ratio_words(ratio), at_best);
    case Lead::kUnresolved:
      return fmt::format("cannot be told apart in this run, ratio {}{}", ratio_words(ratio), at_best);
    case Lead::kEqual:
      break;
  }
  return fmt::format("is equally fast, ratio {}{}{}", ratio_words(ratio), at_best,
                     preference_words(results, *choice, cell));
}

std::string rejected_words(const BenchResults& results, const BackendResult& backend) {
  std::string words = backend_words(backend);
  if (varies_parallelism(results) || backend.instances > 1) {
    words += fmt::format(", {} x {}", backend.instances, counted(backend.threads, "thread"));
  }
  return words;
}

/// The cell of a backend to compare with: its fastest that keeps the limits, else its fastest.
const CellResult* best_of(const BenchResults& results, const BackendResult& backend) {
  const auto mine = [&](const CellResult& cell) { return measured(cell) && runs(backend, cell.configuration); };
  const auto key = [&](const CellResult& cell) {
    return std::tuple(!respects(results, cell), !cell.confirmed, cell.ms_per_text.median);
  };
  const CellResult* best = nullptr;
  for (const CellResult& cell : results.cells) {
    if (mine(cell) && (best == nullptr || key(cell) < key(*best))) best = &cell;
  }
  return best;
}

/// Every backend but the choice's, in the order of the results.
std::vector<Rejection> rejections_of(const BenchResults& results, const TimeRatios& time_ratio,
                                     const CellResult* choice) {
  std::vector<Rejection> rejections;
  for (const BackendResult& backend : results.backends) {
    if (choice != nullptr && runs(backend, choice->configuration)) continue;
    Rejection rejection{.what = rejected_words(results, backend), .why = {}};
    const CellResult* best = best_of(results, backend);
    if (!backend.error.empty()) {
      rejection.why = "could not be measured: " + backend.error;
    } else if (backend.gate.ran && !backend.gate.accepted) {
      const bool by_accuracy = backend.gate.basis == GateBasis::kAccuracy;
      rejection.why = (by_accuracy ? "loses too much: " : "gives other answers: ") + backend.gate.verdict;
    } else if (best == nullptr || !backend.gate.ran) {
      rejection.why = "was not measured";
    } else {
      rejection.why = why_not(results, time_ratio, *best, choice);
    }
    rejections.push_back(std::move(rejection));
  }
  return rejections;
}

/// The flags of the limits that were given.
std::string limits_given(const Constraints& given) {
  std::vector<std::string_view> flags;
  if (given.objective == Objective::kLatency) flags.push_back("--objective latency, which needs batch size 1");
  if (given.max_latency_ms > 0) flags.push_back("--max-latency-ms");
  if (given.max_memory_bytes > 0) flags.push_back("--max-memory");
  if (given.min_accuracy > 0) flags.push_back("--min-accuracy");
  return fmt::format("{}", fmt::join(flags, "; "));
}

/// The backend whose answers are right most often, or which loses least, where that is what kept all out.
std::string nearest_words(const BenchResults& results) {
  const auto lost_accuracy = [](const BackendResult& one) {
    return was_rejected(one) && one.gate.basis == GateBasis::kAccuracy;
  };
  const bool by_gate = std::ranges::none_of(results.backends,
                                            [](const BackendResult& one) { return one.gate.ran && one.gate.accepted; });
  const BackendResult* nearest = nullptr;
  for (const BackendResult& one : results.backends) {
    const bool may_be = by_gate ? lost_accuracy(one) : one.gate.ran && one.gate.accepted;
    if (!may_be || !one.accuracy) continue;
    if (!by_gate && accuracy_shortfall(results, one).empty()) return "";
    if (nearest == nullptr || one.accuracy->headline.value > nearest->accuracy->headline.value) nearest = &one;
  }
  if (nearest == nullptr) return "";
  return fmt::format(" The nearest is {}: {}{}", backend_words(*nearest),
                     by_gate ? nearest->gate.verdict : "it " + accuracy_shortfall(results, *nearest),
                     by_gate ? "" : ".");
}

Recommendation nothing(const BenchResults& results, const TimeRatios& time_ratio) {
  Recommendation none;
  none.objective = objective_name(results.constraints.objective);
  const auto any = [&](auto&& keep) { return std::any_of(results.cells.begin(), results.cells.end(), keep); };
  if (results.interrupted) {
    none.reason = "No recommendation: the run was interrupted before any configuration was confirmed.";
  } else if (!any(measured)) {
    none.reason = "No recommendation: no configuration could be measured.";
  } else if (!any([&](const CellResult& cell) { return accepted(results, cell); })) {
    none.reason = "No recommendation: the gate accepted no backend." + nearest_words(results);
  } else {
    none.reason =
        fmt::format("No recommendation: no configuration that the gate accepted meets the limits asked for ({}).",
                    limits_given(results.constraints)) +
        nearest_words(results);
  }
  none.rejections = rejections_of(results, time_ratio, nullptr);
  return none;
}

}  // namespace

std::vector<std::size_t> choose_finalists(const BenchResults& results, std::size_t baseline) {
  const auto is_accepted = [&](const CellResult& cell) { return accepted(results, cell); };
  std::vector<std::size_t> finalists;
  const auto add = [&](std::size_t index) {
    if (std::ranges::find(finalists, index) == finalists.end()) finalists.push_back(index);
  };
  for (std::size_t index : fastest_first(results, is_accepted)) {
    const bool may_win = respects(results, results.cells[index]);
    if (may_win && finalists.size() < kCandidates) add(index);
  }
  if (measured(results.cells[baseline])) add(baseline);
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  for (std::size_t index : fastest_first(results, is_accepted)) {
    const Configuration& at = results.cells[index].configuration;
    if (seen.emplace(at.backend, at.compute_type, at.device).second) add(index);
  }
  return finalists;
}

Recommendation recommend(const BenchResults& results) {
  const TimeRatios time_ratio(results.cells);
  const std::vector<std::size_t> candidates = fastest_first(results, [&](const CellResult& cell) {
    return cell.confirmed && accepted(results, cell) && respects(results, cell);
  });
  if (candidates.empty()) return nothing(results, time_ratio);
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
  recommendation.objective = objective_name(results.constraints.objective);
  const CellResult* runner_up = nullptr;
  for (std::size_t index : candidates) {
    if (index != choice && runner_up == nullptr) runner_up = &results.cells[index];
  }
  if (runner_up != nullptr) {
    recommendation.runner_up = runner_up->configuration;
    recommendation.lead = time_ratio(*runner_up, chosen);
    recommendation.outcome = lead_of(recommendation.lead);
  }
  // price per hour * ms per text * 1e6 texts / 3.6e6 ms per hour
  recommendation.cost_per_million = results.constraints.price_per_hour * chosen.ms_per_text.median / 3.6;
  recommendation.reason = reason_words(results, recommendation, chosen, runner_up);
  recommendation.rejections = rejections_of(results, time_ratio, &chosen);
  return recommendation;
}

}  // namespace paceline
