#include "metrics/average_precision.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace paceline {

AveragePrecision::AveragePrecision(std::span<const float> scores, std::span<const uint8_t> expected)
    : order_(scores.size()) {
  std::vector<uint32_t> texts(scores.size());
  std::iota(texts.begin(), texts.end(), 0U);
  std::stable_sort(texts.begin(), texts.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool last = i + 1 == texts.size() || scores[texts[i + 1]] != scores[texts[i]];
    order_[i] = {texts[i], expected[texts[i]] != 0, last};
  }
}

std::optional<double> AveragePrecision::of(std::span<const uint32_t> drawn) const {
  // Integers: their sums wait for each other less long than those of doubles.
  uint64_t found = 0;
  uint64_t taken = 0;
  uint64_t found_before = 0;
  double sum = 0;
  for (const Place& place : order_) {
    const uint64_t times = drawn[place.text];
    taken += times;
    found += place.expected ? times : 0;
    if (!place.last_of_score || found == found_before) continue;
    sum += static_cast<double>((found - found_before) * found) / static_cast<double>(taken);
    found_before = found;
  }
  if (found == 0) return std::nullopt;
  return sum / static_cast<double>(found);
}

}  // namespace paceline
