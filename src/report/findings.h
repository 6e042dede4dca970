#pragma once

#include <set>
#include <string>
#include <vector>

#include "results/lookup.h"
#include "results/results.h"

namespace paceline {

/// What a reader wants to know, found in the results once for page, charts and terminal.

/// Cells with figures, the confirmed ones before the exploratory ones, each fastest first; then those without, in the
/// order given.
std::vector<const CellResult*> ranked_cells(const BenchResults& results);
/// The first of each backend and order among the ranked cells, and the baseline's; ranked alike.
std::vector<const CellResult*> best_cells(const BenchResults& results);
/// The first of each backend (see backend_label) among the ranked cells, ranked alike.
std::vector<const CellResult*> best_of_backends(const BenchResults& results);
/// Distinct backends at their compute type and device, in the order of the results: colours follow the place here.
/// The compute type and the device are named only where more than one occurs, and so are threads and instances:
/// "native", "native fp32", "native fp32, 2 x 1 threads".
std::string backend_label(const BenchResults& results, const Configuration& configuration);
std::vector<std::string> backend_labels(const BenchResults& results);

/// Labels of the backends where all stand side by side: of more than five each one's fastest that the gate accepted.
std::set<std::string> backends_to_compare(const BenchResults& results);

/// A cell's role in few words: "recommended", "baseline", "confirmed", "exploratory", "rejected: ...", the error.
std::string status_words(const BenchResults& results, const CellResult& cell);

/// Whether the run could not tell the recommended configuration from the runner-up.
bool is_undecided(const Recommendation& recommendation);

/// The answer in words that need no knowledge of measuring.
struct Headline {
  std::string title;       ///< the recommended configuration, or that there is none
  std::string action;      ///< what to do, in a sentence; may be empty
  std::string speed;       ///< "24.1 ms per text (95 % interval 24.0 to 24.3), 41.5 texts per second"; may be empty
  std::string total;       ///< how long a million texts take, and what they cost where a price was given
  std::string comparison;  ///< against the baseline, where the reason does not say it; may be empty
  std::string reason;      ///< bench's reason; may be empty
  std::string frontier;    ///< accuracy over speed, where labels are known; may be empty
  std::string proof;       ///< what the gate found of its answers; may be empty
  std::vector<std::string> caveats;  ///< what makes the recommendation or its speed-up less certain; may be empty
  std::vector<std::string> notices;  ///< what a reader must know first: interrupted, random weights
};
Headline make_headline(const BenchResults& results);

/// Why the others were not chosen: compute types of one backend that share a reason stand in one entry.
std::vector<Rejection> rejections_by_reason(const BenchResults& results);

/// What every recommended configuration keeps, a phrase for each: "at most 2 GB".
std::vector<std::string> limit_words(const BenchResults& results);
/// "Goal: least time per text. Required: at most 2 GB; at least 99.5 % of the labels as in fp32."
std::string goal_words(const BenchResults& results);

}  // namespace paceline
