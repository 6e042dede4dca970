#include "metrics/logit_distances.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace paceline {
namespace {

/// At the highest temperature that is tried, 3,000, a logit so far away weighs nothing; its square is still a float.
constexpr double kFarthest = 1e15;

/// A float's sign, exponent and first four digits.
std::size_t bin_of(double distance) {
  constexpr int kDroppedBits = 19;
  return std::bit_cast<uint32_t>(static_cast<float>(distance)) >> kDroppedBits;
}

}  // namespace

void LogitDistances::add(std::span<const float> logits) {
  if (moments_.empty()) moments_.resize(bin_of(kFarthest) + 1);
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::size_t last = 0;
  for (const float logit : logits) {
    const double distance = std::min(largest - static_cast<double>(logit), kFarthest);
    const std::size_t bin = bin_of(distance);
    last = std::max(last, bin);
    Moments& is = moments_[bin];
    ++is.count;
    is.sum += distance;
    is.squares += distance * distance;
  }
  for (Moments& is : std::span(moments_).first(last + 1)) {
    if (is.count == 0) continue;
    const double mean = is.sum / is.count;
    const double variance = std::max(is.squares / is.count - mean * mean, 0.0);
    bins_.push_back({static_cast<float>(is.count), static_cast<float>(mean), static_cast<float>(variance)});
    is = {};
  }
  ends_.push_back(bins_.size());
}

/// The mean of exp over a bin, to the second order: exp(-x mean) (1 + x^2 variance / 2), and its derivative.
LogitDistances::Softmax LogitDistances::softmax(std::size_t text, double inverse) const {
  const std::size_t first = text == 0 ? 0 : ends_[text - 1];
  Softmax softmax;
  for (const Bin& bin : std::span(bins_).subspan(first, ends_[text] - first)) {
    const auto mean = static_cast<double>(bin.mean);
    const auto variance = static_cast<double>(bin.variance);
    const double weight = static_cast<double>(bin.count) * std::exp(-inverse * mean);
    const double spread = 1 + inverse * inverse * variance / 2;
    softmax.sum += weight * spread;
    softmax.mean_distance += weight * (mean * spread - inverse * variance);
  }
  softmax.mean_distance /= softmax.sum;
  return softmax;
}

}  // namespace paceline
