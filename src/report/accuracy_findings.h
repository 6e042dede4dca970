#pragma once

#include <string>
#include <vector>

#include "results/results.h"

namespace paceline {

/// What labelled texts tell of the backends. All is empty without labels.

/// How much more often a backend is right than the oracle, with its paired interval; 0 of the oracle itself.
Score accuracy_change(const AccuracyResult& accuracy);

/// Of the backends that the gate accepted, each at its best: the fastest, then each slower one that is surely more
/// accurate than the one before. Surely: by the difference of their changes, whose interval is that of two independent
/// figures (Zou and Donner, Statistics in Medicine 27, 2008). Both are changes to the same answers, so it is rather too
/// wide.
std::vector<const CellResult*> accuracy_frontier(const BenchResults& results);

/// The frontier in a sentence or two.
std::string frontier_words(const BenchResults& results);

/// What the recommended configuration keeps, a phrase for each: "at most 0.50 points of accuracy below fp32".
std::vector<std::string> accuracy_limit_words(const BenchResults& results);

}  // namespace paceline
