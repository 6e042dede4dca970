#include "train/targets.h"

#include <algorithm>
#include <cmath>

namespace paceline {
namespace {

/// Of the label whose target is the largest.
double cross_entropy(std::span<const float> targets, std::span<const float> logits) {
  const auto label = static_cast<std::size_t>(std::ranges::max_element(targets) - targets.begin());
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[label]);
}

/// -log of the sigmoid of x.
double softplus_of_negative(double x) { return std::max(-x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

void append_targets(const Expected& expected, const LabelScheme& scheme, std::vector<float>& targets) {
  if (scheme.type == ProblemType::kRegression) {
    targets.push_back(static_cast<float>(expected.value));
    return;
  }
  const std::size_t first = targets.size();
  targets.resize(first + scheme.labels.size());
  for (const int32_t label : expected.labels) targets[first + static_cast<std::size_t>(label)] = 1;
}

double text_loss(ProblemType type, std::span<const float> targets, std::span<const float> logits) {
  if (type == ProblemType::kSingleLabelClassification) return cross_entropy(targets, logits);
  double sum = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const auto logit = static_cast<double>(logits[k]);
    const auto target = static_cast<double>(targets[k]);
    sum += type == ProblemType::kRegression ? (logit - target) * (logit - target)
                                            : softplus_of_negative(target > 0 ? logit : -logit);
  }
  return sum / static_cast<double>(logits.size());
}

}  // namespace paceline
