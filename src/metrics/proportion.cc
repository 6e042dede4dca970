#include "metrics/proportion.h"

#include <algorithm>
#include <cmath>

#include "statistics/distributions.h"

namespace paceline {

Score proportion(int64_t hits, int64_t total) {
  const auto n = static_cast<double>(total);
  const double p = static_cast<double>(hits) / n;
  const double z2 = kNormal975 * kNormal975;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double reach = kNormal975 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  // At 0 and 1 the exact ends are p itself; rounding may miss them.
  return {p, hits == 0 ? 0 : std::max(0.0, middle - reach), hits == total ? 1 : std::min(1.0, middle + reach)};
}

}  // namespace paceline
