#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "statistics/score.h"

namespace paceline {

/// Texts below which there is no correlation: its interval needs them.
inline constexpr std::size_t kFewestForCorrelation = 4;

struct RegressionScores {
  int64_t texts = 0;
  Score mean_squared_error{};       ///< with Student's interval of a mean, at least 0
  Score mean_absolute_error{};      ///< the same
  std::optional<Score> pearson{};   ///< with Fisher's interval; none for a constant, or below kFewestForCorrelation
  std::optional<Score> spearman{};  ///< with the interval of Bonett and Wright (2000); none as above
};

/// Expected and predicted values of the same texts, at least one.
RegressionScores score(std::span<const double> expected, std::span<const double> predicted);

/// The second's Pearson correlation with `expected` minus the first's, of the same texts, with a bootstrap interval
/// over them. None where one of the two has none.
std::optional<Score> pearson_difference(std::span<const double> expected, std::span<const double> first,
                                        std::span<const double> second);

}  // namespace paceline
