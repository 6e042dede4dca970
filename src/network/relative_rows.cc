#include "network/relative_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace paceline {
namespace {

// Logarithms are taken in fp32 as the original implementations take them: near a border between two buckets the last
// bit decides.

/// MPNet's (T5's) buckets: half of them for each direction, of those half for a distance each, the rest for ranges that
/// grow up to max_distance.
int32_t bias_row(const RelativePositions& relative, int32_t distance) {
  const int32_t half = relative.buckets / 2;
  const int32_t first = distance > 0 ? half : 0;
  const int32_t exact = half / 2;
  const int32_t way = std::abs(distance);
  if (way < exact) return first + way;
  const auto range = static_cast<float>(std::log(static_cast<double>(relative.max_distance) / exact));
  const float part = std::log(static_cast<float>(way) / static_cast<float>(exact)) / range;
  return first + std::min(exact + static_cast<int32_t>(part * static_cast<float>(half - exact)), half - 1);
}

/// DeBERTa's: the first half of the buckets stands for a distance each, the rest for ranges that grow.
int32_t learned_row(const RelativePositions& relative, int32_t distance) {
  int32_t position = -distance;  // query - key
  const int32_t middle = relative.buckets / 2;
  if (relative.buckets > 0 && std::abs(position) > middle) {
    const auto range = std::log(static_cast<float>(static_cast<double>(relative.max_distance - 1) / middle));
    const float part = std::log(static_cast<float>(std::abs(position)) / static_cast<float>(middle)) / range;
    const auto bucket = static_cast<int32_t>(std::ceil(part * static_cast<float>(middle - 1))) + middle;
    position = position < 0 ? -bucket : bucket;
  }
  return std::clamp(position + relative.span, 0, 2 * relative.span - 1);
}

}  // namespace

std::vector<int32_t> relative_rows(const RelativePositions& relative, int32_t tokens) {
  std::vector<int32_t> rows;
  for (int32_t distance = 1 - tokens; distance < tokens; ++distance) {
    rows.push_back(relative.kind == RelativeKind::kBias ? bias_row(relative, distance)
                                                        : learned_row(relative, distance));
  }
  return rows;
}

std::vector<float> sinusoid_rows(const RelativePositions& relative, int32_t tokens, int32_t width) {
  const int32_t half = (width + 1) / 2;
  std::vector<float> rows;
  for (int32_t distance = 1 - tokens; distance < tokens; ++distance) {
    const int32_t most = relative.max_distance > 0 ? relative.max_distance : tokens;
    const double position = std::clamp(-distance, -most, most);
    const auto angle = [&](int32_t i) { return position / std::pow(10000.0, 2.0 * i / width); };
    for (int32_t i = 0; i < half; ++i) rows.push_back(static_cast<float>(std::sin(angle(i))));
    for (int32_t i = 0; i < half; ++i) rows.push_back(static_cast<float>(std::cos(angle(i))));
  }
  return rows;
}

}  // namespace paceline
