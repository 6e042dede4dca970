#include "metrics/calibration.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <utility>

#include "base/function_ref.h"

namespace paceline {
namespace {

constexpr int kBins = 15;

class Bins {
 public:
  void add(double probability, bool right) {
    const int bin = std::clamp(static_cast<int>(std::ceil(probability * kBins)) - 1, 0, kBins - 1);
    Sums& sums = sums_[static_cast<std::size_t>(bin)];
    ++sums.predictions;
    sums.probability += probability;
    sums.right += right ? 1 : 0;
    ++predictions_;
  }

  Reliability close(double log_loss) const {
    Reliability reliability{.log_loss = log_loss};
    for (int i = 0; i < kBins; ++i) {
      const Sums& sums = sums_[static_cast<std::size_t>(i)];
      const double count = std::max<double>(static_cast<double>(sums.predictions), 1);
      reliability.bins.push_back({.low = static_cast<double>(i) / kBins,
                                  .high = static_cast<double>(i + 1) / kBins,
                                  .predictions = sums.predictions,
                                  .probability = sums.probability / count,
                                  .right = sums.right / count});
      reliability.error += std::fabs(sums.probability - sums.right) / static_cast<double>(predictions_);
    }
    return reliability;
  }

 private:
  struct Sums {
    int64_t predictions = 0;
    double probability = 0;
    double right = 0;
  };
  std::array<Sums, kBins> sums_{};
  int64_t predictions_ = 0;
};

/// Where a rising function of the inverse temperature crosses 0; none where it does not within the bounds.
std::optional<double> find_temperature(FunctionRef<double(double)> slope) {
  double low = -8;  // powers of e: temperatures from 3,000 down to 1/3,000
  double high = 8;
  if (!(slope(std::exp(low)) < 0 && slope(std::exp(high)) > 0)) return std::nullopt;
  while (high - low > 1e-10) {
    const double middle = (low + high) / 2;
    (slope(std::exp(middle)) < 0 ? low : high) = middle;
  }
  return std::exp(-(low + high) / 2);
}

/// `measure`: with logits multiplied by an inverse temperature.
Calibration calibrate(Reliability plain, FunctionRef<Reliability(double)> measure, FunctionRef<double(double)> slope) {
  Calibration calibration{.plain = std::move(plain), .temperature = find_temperature(slope)};
  calibration.tempered = calibration.temperature ? measure(1 / *calibration.temperature) : calibration.plain;
  return calibration;
}

/// The softmax of one text's logits, all multiplied by `inverse`.
struct Softmax {
  Softmax(std::span<const float> logits, double inverse) {
    best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    const double largest = logits[best];
    double weighted = 0;
    for (const float logit : logits) {
      const double weight = std::exp(inverse * (static_cast<double>(logit) - largest));
      sum += weight;
      weighted += weight * static_cast<double>(logit);
    }
    mean_logit = weighted / sum;
  }

  /// -log of the probability of one label.
  double loss(std::span<const float> logits, std::size_t label, double inverse) const {
    return std::log(sum) - inverse * (static_cast<double>(logits[label]) - static_cast<double>(logits[best]));
  }

  std::size_t best = 0;
  double sum = 0;         ///< the best label's probability is 1 / sum
  double mean_logit = 0;  ///< by probability
};

/// log(1 + e^x)
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// Logits that differ by less than 2^-10 of their size.
struct LogitGroup {
  double count = 0;
  double sum = 0;
};

std::vector<LogitGroup> group_logits(std::span<const float> logits) {
  constexpr int kDroppedBits = 13;  // of the 23 behind the point
  std::vector<LogitGroup> groups(std::size_t{1} << (32 - kDroppedBits));
  for (const float logit : logits) {
    LogitGroup& group = groups[std::bit_cast<uint32_t>(logit) >> kDroppedBits];
    ++group.count;
    group.sum += static_cast<double>(logit);
  }
  std::erase_if(groups, [](const LogitGroup& group) { return group.count == 0; });
  return groups;
}

}  // namespace

Calibration calibrate_single(std::span<const float> logits, std::span<const int32_t> expected, int32_t labels) {
  const auto width = static_cast<std::size_t>(labels);
  const auto count = static_cast<double>(expected.size());
  const auto row = [&](std::size_t text) { return logits.subspan(text * width, width); };
  const auto measure = [&](double inverse) {
    Bins bins;
    double loss = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Softmax softmax(row(i), inverse);
      const auto wanted = static_cast<std::size_t>(expected[i]);
      bins.add(1 / softmax.sum, softmax.best == wanted);
      loss += softmax.loss(row(i), wanted, inverse);
    }
    return bins.close(loss / count);
  };
  const auto slope = [&](double inverse) {
    double sum = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      sum += Softmax(row(i), inverse).mean_logit - static_cast<double>(row(i)[static_cast<std::size_t>(expected[i])]);
    }
    return sum;
  };
  return calibrate(measure(1.0), measure, slope);
}

void SingleLabelLogits::add(std::span<const float> logits, int32_t expected) {
  if (labels_ <= kManyLabels) {
    logits_.insert(logits_.end(), logits.begin(), logits.end());
    expected_.push_back(expected);
    return;
  }
  const Softmax softmax(logits, 1);
  const auto wanted = static_cast<std::size_t>(expected);
  texts_.push_back({.probability = 1 / softmax.sum,
                    .loss = softmax.loss(logits, wanted, 1),
                    .distance = static_cast<double>(logits[softmax.best]) - static_cast<double>(logits[wanted]),
                    .right = softmax.best == wanted});
  distances_.add(logits);
}

Calibration SingleLabelLogits::calibrate() const {
  return labels_ <= kManyLabels ? calibrate_single(logits_, expected_, labels_) : calibrate_distances();
}

Calibration SingleLabelLogits::calibrate_distances() const {
  const auto count = static_cast<double>(texts_.size());
  Bins plain;
  double plain_loss = 0;
  for (const Text& text : texts_) {
    plain.add(text.probability, text.right);
    plain_loss += text.loss;
  }
  const auto measure = [&](double inverse) {
    Bins bins;
    double loss = 0;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const double sum = distances_.softmax(i, inverse).sum;
      bins.add(1 / sum, texts_[i].right);
      loss += std::log(sum) + inverse * texts_[i].distance;
    }
    return bins.close(loss / count);
  };
  const auto slope = [&](double inverse) {
    double sum = 0;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      sum += texts_[i].distance - distances_.softmax(i, inverse).mean_distance;
    }
    return sum;
  };
  return paceline::calibrate(plain.close(plain_loss / count), measure, slope);
}

Calibration calibrate_multi(std::span<const float> logits, std::span<const uint8_t> expected, int32_t labels) {
  const auto measure = [&](double inverse) {
    Bins bins;
    double loss = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double x = inverse * static_cast<double>(logits[i]);
      bins.add(sigmoid(x), expected[i] != 0);
      loss += softplus(expected[i] != 0 ? -x : x);
    }
    return bins.close(loss / static_cast<double>(logits.size()));
  };
  const auto slope = [&](double inverse) {
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto logit = static_cast<double>(logits[i]);
      sum += (sigmoid(inverse * logit) - (expected[i] != 0 ? 1 : 0)) * logit;
    }
    return sum;
  };
  if (labels <= kManyLabels) return calibrate(measure(1.0), measure, slope);
  const std::vector<LogitGroup> groups = group_logits(logits);
  double of_expected = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    of_expected += expected[i] != 0 ? static_cast<double>(logits[i]) : 0;
  }
  const auto slope_of_groups = [&](double inverse) {
    double sum = -of_expected;
    for (const LogitGroup& group : groups) sum += sigmoid(inverse * group.sum / group.count) * group.sum;
    return sum;
  };
  return calibrate(measure(1.0), measure, slope_of_groups);
}

}  // namespace paceline
