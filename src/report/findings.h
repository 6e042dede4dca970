#pragma once

#include <set>
#include <string>
#include <vector>

#include "results/results.h"

namespace paceline {

/// What a reader wants to know, looked up in the results once for page, charts and terminal.

/// The cell of a configuration; null where there is none.
const CellResult* find_cell(const BenchResults& results, const Configuration& configuration);
/// The backend (at its compute type, device, threads and instances) that ran a configuration; where none has just these
/// threads, one that differs in them alone. Null where there is none.
const BackendResult* find_backend(const BenchResults& results, const Configuration& configuration);

/// A cell with figures: it ran, and its time is a number.
bool was_measured(const CellResult& cell);
/// Percentiles of the latency of single texts were taken (batch size 1).
bool has_latency(const CellResult& cell);
/// The gate compared this backend's answers and found them different: shown in red, never recommended.
bool was_rejected(const BackendResult& backend);
bool was_rejected(const BenchResults& results, const CellResult& cell);
bool is_recommended(const BenchResults& results, const CellResult& cell);
bool is_baseline(const BenchResults& results, const CellResult& cell);

/// Cells with figures, the confirmed ones before the exploratory ones, each fastest first; then those without, in the
/// order given.
std::vector<const CellResult*> ranked_cells(const BenchResults& results);
/// The first of each engine and order among the ranked cells, and the baseline's; ranked alike.
std::vector<const CellResult*> best_cells(const BenchResults& results);
/// The first of each engine (see engine_label) among the ranked cells, ranked alike.
std::vector<const CellResult*> best_of_engines(const BenchResults& results);
/// Backends that are out: not installed, crashed, killed.
std::vector<const BackendResult*> failed_backends(const BenchResults& results);

/// Distinct backends at their compute type and device, in the order of the results: colours follow the place here.
/// The compute type and the device are named only where more than one occurs, and so are threads and instances:
/// "native", "native fp32", "native fp32, 2 x 1 threads".
std::string engine_label(const BenchResults& results, const Configuration& configuration);
std::vector<std::string> engine_labels(const BenchResults& results);

/// Labels of the engines where all stand side by side: of more than five each backend's fastest that the gate accepted.
std::set<std::string> engines_to_compare(const BenchResults& results);

/// A cell's role in few words: "recommended", "baseline", "confirmed", "exploratory", "rejected: ...", the error.
std::string status_words(const BenchResults& results, const CellResult& cell);

/// The answer in words that need no knowledge of measuring.
struct Headline {
  std::string title;       ///< the recommended configuration, or that there is none
  std::string action;      ///< what to do, in a sentence; may be empty
  std::string speed;       ///< "24.1 ms per text (95 % interval 24.0 to 24.3), 41.5 texts per second"; may be empty
  std::string total;       ///< how long a million texts take, and what they cost where a price was given
  std::string comparison;  ///< against the baseline, where the reason does not say it; may be empty
  std::string reason;      ///< bench's reason; may be empty
  std::string proof;       ///< what the gate found of its answers; may be empty
  std::vector<std::string> notices;  ///< what a reader must know first: interrupted, random weights
};
Headline make_headline(const BenchResults& results);

/// What was asked of a recommendation, a phrase for each: "the least time per text", "at most 2 GB".
std::vector<std::string> constraint_words(const Constraints& constraints);

}  // namespace paceline
