#include "report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "report/findings.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

Estimate without_empty_interval(const Estimate& estimate) {
  return has_spread(estimate) ? estimate : Estimate{.median = estimate.median};
}

ComparedCell compare_cells(const CellResult& earlier, const CellResult& later, double tolerance) {
  ComparedCell is{.earlier = earlier.configuration,
                  .later = later.configuration,
                  .ms_earlier = without_empty_interval(earlier.ms_per_text),
                  .ms_later = without_empty_interval(later.ms_per_text),
                  .ratio = ratio_of(later.ms_per_text, earlier.ms_per_text),
                  .confirmed = earlier.confirmed && later.confirmed};
  is.change = change_of(is.ratio);
  is.regression = is.confirmed && is.change == Change::kSlower && is.ratio.low > 1 + tolerance;
  return is;
}

/// Collects what differs; alike and unknown things are passed over.
class Differences {
 public:
  void add(DifferenceKind kind, std::string_view what, const std::string& earlier, const std::string& later) {
    if (earlier == later || earlier.empty() || later.empty()) return;
    list_.push_back({kind, std::string(what), earlier, later});
  }
  std::vector<Difference> take() {
    std::ranges::stable_sort(list_, {}, &Difference::kind);
    return std::move(list_);
  }

 private:
  std::vector<Difference> list_;
};

std::string size_words(const CheckpointSummary& is) {
  if (is.parameters == 0) return "";
  return fmt::format("{} with {}", is.architecture, counted(is.parameters, "parameter"));
}

/// A retrained checkpoint costs the same time: its hash is a circumstance, its size is not.
void add_checkpoint(Differences& out, const CheckpointSummary& earlier, const CheckpointSummary& later) {
  out.add(DifferenceKind::kIncomparable, "the model", size_words(earlier), size_words(later));
  out.add(DifferenceKind::kCircumstance, "the checkpoint's hash", earlier.hash, later.hash);
}

/// What makes the work: how many texts of which lengths. Its file may have moved.
void add_workload(Differences& out, const WorkloadSummary& earlier, const WorkloadSummary& later) {
  const auto words = [](const WorkloadSummary& is) {
    if (is.texts == 0) return std::string();
    const std::string windows = is.in_windows() ? " in " + counted(is.sequences, "window") : "";
    return fmt::format("{}{} of {} tokens in the mean, {} at most", counted(is.texts, "text"), windows,
                       format_number(is.mean_tokens, 4), is.max_tokens);
  };
  out.add(DifferenceKind::kIncomparable, "the texts", words(earlier), words(later));
  if (words(earlier) == words(later) && earlier.token_histogram != later.token_histogram) {
    out.add(DifferenceKind::kIncomparable, "the lengths of the texts", "one histogram", "another");
  }
}

/// Scores are of the labelled texts: others make them something else, the same time.
void add_labelled(Differences& out, const BenchResults& earlier, const BenchResults& later) {
  if (!earlier.labelled || !later.labelled) return;
  const auto words = [](const LabelledSummary& is) {
    return fmt::format("{} of {} from {}, scored by {}", format_count(is.texts), format_count(is.texts_available),
                       is.source, metric_words(is.metric));
  };
  out.add(DifferenceKind::kCircumstance, "the labelled texts", words(*earlier.labelled), words(*later.labelled));
}

void add_machine(Differences& out, const BenchResults& earlier, const BenchResults& later) {
  constexpr auto kKind = DifferenceKind::kCircumstance;
  const auto usable = [](const BenchResults& is) { return fmt::format("{}", is.machine.topology.usable); };
  // Above this share of the CPU time that others take, a run measures them, too.
  constexpr double kBusy = 0.10;
  const auto busy = [](const BenchResults& is) {
    return is.load_after.other_share > kBusy ? "others used " + format_percent(is.load_after.other_share, 0)
                                             : std::string("quiet");
  };
  out.add(kKind, "the CPU", earlier.machine.cpu, later.machine.cpu);
  out.add(kKind, "the instruction set", earlier.machine.active_isa, later.machine.active_isa);
  out.add(kKind, "the usable CPUs", usable(earlier), usable(later));
  out.add(kKind, "the kernel", earlier.machine.kernel, later.machine.kernel);
  out.add(kKind, "the machine's load", busy(earlier), busy(later));
}

void add_versions(Differences& out, const BenchResults& earlier, const BenchResults& later) {
  constexpr auto kKind = DifferenceKind::kVersion;
  out.add(kKind, "Paceline", earlier.paceline_version, later.paceline_version);
  out.add(kKind, "the build", earlier.build_id, later.build_id);
  for (const BackendResult& backend : later.backends) {
    const auto same = std::ranges::find_if(earlier.backends, [&](const BackendResult& is) {
      return std::tie(is.backend, is.compute_type, is.device) ==
             std::tie(backend.backend, backend.compute_type, backend.device);
    });
    if (same == earlier.backends.end()) continue;
    const std::string name = backend_words(backend);
    out.add(kKind, name, same->version, backend.version);
    out.add(kKind, "the settings of " + name, same->settings, backend.settings);
  }
}

bool was_accepted(const BackendResult& backend) { return backend.gate.ran && backend.gate.accepted; }

/// What worked and no longer does: a run that lost its answers is not faster, whatever its times.
std::vector<std::string> find_lost(const BenchResults& earlier, const BenchResults& later) {
  std::vector<std::string> lost;
  if (earlier.recommendation.valid && !later.recommendation.valid) {
    lost.push_back("The earlier run recommends a configuration, the later one none: " + later.recommendation.reason);
  }
  for (const BackendResult& backend : later.backends) {
    const Configuration is{.backend = backend.backend,
                           .compute_type = backend.compute_type,
                           .device = backend.device,
                           .threads = backend.threads,
                           .instances = backend.instances};
    const BackendResult* before = find_backend(earlier, is);
    if (before == nullptr || !was_accepted(*before) || !was_rejected(backend)) continue;
    lost.push_back(
        fmt::format("{} was accepted by the gate and is rejected now: {}", backend_words(is), backend.gate.verdict));
  }
  return lost;
}

/// A run that is not whole says less than it seems to.
std::vector<std::string> notes_of(const BenchResults& earlier, const BenchResults& later) {
  std::vector<std::string> notes;
  for (const auto& [name, run] : {std::pair("earlier", &earlier), {"later", &later}}) {
    if (run->dry_run) notes.push_back(fmt::format("The {} run was only planned (--dry-run): it has no times.", name));
    if (run->interrupted) notes.push_back(fmt::format("The {} run was interrupted: it did not measure all.", name));
  }
  return notes;
}

/// A backend in several parallelisms is scored in each; the first of both runs are compared.
void compare_accuracies(const BenchResults& earlier, const BenchResults& later, Comparison& comparison) {
  if (!earlier.labelled || !later.labelled || earlier.labelled->metric != later.labelled->metric) return;
  comparison.metric = later.labelled->metric;
  for (const BackendResult& backend : later.backends) {
    const auto same = std::ranges::find_if(earlier.backends, [&](const BackendResult& is) {
      return is.accuracy && backend_words(is) == backend_words(backend);
    });
    if (!backend.accuracy || same == earlier.backends.end()) continue;
    const std::string name = backend_words(backend);
    if (std::ranges::find(comparison.accuracies, name, &ComparedAccuracy::backend) != comparison.accuracies.end()) {
      continue;
    }
    comparison.accuracies.push_back({name, same->accuracy->headline, backend.accuracy->headline});
  }
}

std::optional<ComparedCell> compare_recommended(const BenchResults& earlier, const BenchResults& later,
                                                double tolerance) {
  if (!earlier.recommendation.valid || !later.recommendation.valid) return std::nullopt;
  const CellResult* before = find_cell(earlier, earlier.recommendation.choice);
  const CellResult* after = find_cell(later, later.recommendation.choice);
  if (before == nullptr || after == nullptr || !was_measured(*before) || !was_measured(*after)) return std::nullopt;
  return compare_cells(*before, *after, tolerance);
}

}  // namespace

bool Comparison::comparable() const {
  return std::ranges::none_of(differences,
                              [](const Difference& is) { return is.kind == DifferenceKind::kIncomparable; });
}

bool Comparison::regressed() const {
  const bool slower = std::ranges::any_of(cells, [](const ComparedCell& is) { return is.regression; });
  return slower || !lost.empty() || (recommended && recommended->regression);
}

Comparison compare_results(const BenchResults& earlier, const BenchResults& later, double tolerance) {
  Comparison comparison;
  comparison.tolerance = tolerance;
  Differences differences;
  add_checkpoint(differences, earlier.checkpoint, later.checkpoint);
  add_workload(differences, earlier.workload, later.workload);
  add_labelled(differences, earlier, later);
  add_machine(differences, earlier, later);
  add_versions(differences, earlier, later);
  comparison.differences = differences.take();
  comparison.notes = notes_of(earlier, later);
  comparison.recommended = compare_recommended(earlier, later, tolerance);
  comparison.lost = find_lost(earlier, later);
  compare_accuracies(earlier, later, comparison);
  for (const CellResult& cell : later.cells) {
    if (!was_measured(cell)) continue;
    const CellResult* before = find_cell(earlier, cell.configuration);
    if (before == nullptr || !was_measured(*before)) {
      comparison.only_later.push_back(cell.configuration);
    } else {
      comparison.cells.push_back(compare_cells(*before, cell, tolerance));
    }
  }
  for (const CellResult& cell : earlier.cells) {
    if (!was_measured(cell)) continue;
    const CellResult* after = find_cell(later, cell.configuration);
    if (after == nullptr || !was_measured(*after)) comparison.only_earlier.push_back(cell.configuration);
  }
  std::ranges::stable_sort(comparison.cells, [](const ComparedCell& a, const ComparedCell& b) {
    return std::tuple(!a.confirmed, -a.ratio.median) < std::tuple(!b.confirmed, -b.ratio.median);
  });
  return comparison;
}

}  // namespace paceline
