#pragma once

#include <cstdint>

#include "statistics/score.h"

namespace paceline {

/// hits / total with Wilson's score interval (E. B. Wilson, JASA 22, 1927), which keeps its 95 % near 0 and 1, too.
/// total > 0.
Score proportion(int64_t hits, int64_t total);

}  // namespace paceline
