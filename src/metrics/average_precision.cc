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
  double found = 0;
  double taken = 0;
  double found_before = 0;
  double sum = 0;
  for (const Place& place : order_) {
    const double times = drawn[place.text];
    taken += times;
    if (place.expected) found += times;
    if (!place.last_of_score) continue;
    if (found > found_before) sum += (found - found_before) * found / taken;
    found_before = found;
  }
  if (found == 0) return std::nullopt;
  return sum / found;
}

}  // namespace paceline
