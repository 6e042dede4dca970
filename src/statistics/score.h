#pragma once

namespace paceline {

/// A figure of a sample, with its 95 % interval.
struct Score {
  double value = 0;
  double low = 0;
  double high = 0;

  bool operator==(const Score&) const = default;
};

}  // namespace paceline
