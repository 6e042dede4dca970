#include "answer/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <unordered_map>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Of more labels than these, sorting all of them for a few costs more than it takes to compute them.
constexpr std::size_t kSortedLabels = 256;

bool is_better(const Prediction& a, const Prediction& b) { return a.score > b.score; }

/// Best first; of one score, the label with the lower number.
void sort_all(std::vector<Prediction>& predictions) {
  std::stable_sort(predictions.begin(), predictions.end(), is_better);
}

/// The same of the first `top_k` places; what is behind them has no order.
void sort_best(std::vector<Prediction>& predictions, int32_t top_k) {
  const auto wanted = std::min(static_cast<std::size_t>(top_k), predictions.size());
  std::partial_sort(predictions.begin(), predictions.begin() + static_cast<std::ptrdiff_t>(wanted), predictions.end(),
                    [](const Prediction& a, const Prediction& b) {
                      return a.score > b.score || (a.score == b.score && a.label < b.label);
                    });
}

void keep_best(std::vector<Prediction>& predictions, int32_t top_k) {
  const auto wanted = static_cast<std::size_t>(top_k);
  if (top_k <= 0 || wanted >= predictions.size()) return;
  predictions.resize(wanted);
  predictions.shrink_to_fit();
}

/// exp(x - max) / sum, in double, so that the scores of one text add up to 1 within float's own rounding. Leaves the
/// first `top_k`.
void softmax(std::vector<Prediction>& predictions, int32_t top_k) {
  double largest = predictions.front().score;
  for (const Prediction& prediction : predictions) largest = std::max<double>(largest, prediction.score);
  double sum = 0;
  for (const Prediction& prediction : predictions) sum += std::exp(prediction.score - largest);
  keep_best(predictions, top_k);
  for (Prediction& prediction : predictions) {
    prediction.score = static_cast<float>(std::exp(prediction.score - largest) / sum);
  }
}

/// log(p / (1 - p)) of the probability sigmoid(logit) times `weight`, of at most the largest float below 1.
float weighed_logit(float logit, float weight) {
  if (weight == 1) return logit;
  constexpr double kMissing = 0x1p-24;  // to 1
  const double x = logit;
  const double log_p = std::log(static_cast<double>(weight)) + std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x)));
  const double bounded = std::min(log_p, std::log1p(-kMissing));
  return static_cast<float>(bounded - std::log(-std::expm1(bounded)));
}

/// Of labels that stand each for itself.
void weigh(std::vector<Prediction>& predictions, const std::vector<float>& weights) {
  for (Prediction& prediction : predictions) {
    prediction.score = std::min(1.0F, prediction.score * weights[static_cast<std::size_t>(prediction.label)]);
  }
  sort_all(predictions);
}

void choose(std::vector<Prediction>& predictions, int32_t top_k, const std::vector<float>& thresholds) {
  if (thresholds.empty()) keep_best(predictions, top_k);
  if (thresholds.empty() || predictions.empty()) return;
  const float best = predictions.front().score;
  std::erase_if(predictions,
                [&](const Prediction& p) { return p.score < thresholds[static_cast<std::size_t>(p.label)]; });
  if (predictions.empty()) predictions.push_back({kNoLabel, best});
  keep_best(predictions, top_k);
}

void set_by_label(const std::map<std::string, float>& given, const std::vector<std::string>& labels,
                  std::string_view where, std::vector<float>& values) {
  if (given.empty()) return;
  std::unordered_map<std::string_view, std::size_t> numbers;  // of several labels with one name, the first
  for (std::size_t k = 0; k < labels.size(); ++k) numbers.emplace(labels[k], k);
  for (const auto& [name, value] : given) {
    const auto found = numbers.find(name);
    if (found == numbers.end()) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] the model has no label \"{}\". {}", where,
                                                           excerpt(name), suggestion(name, labels)));
    }
    values[found->second] = value;
  }
}

}  // namespace

LabelRules resolve_labels(const LabelOptions& options, const std::vector<std::string>& labels, ProblemType type,
                          std::string_view where) {
  if (type == ProblemType::kRegression && (options.has_threshold() || !options.class_weights.empty())) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] the model is a regression, and its values are not probabilities. Leave thresholds "
                            "(--threshold) and class weights (--class-weights) out.",
                            where));
  }
  LabelRules rules;
  if (options.has_threshold()) {
    rules.thresholds.assign(labels.size(), options.threshold.value_or(0));
    set_by_label(options.label_thresholds, labels, where, rules.thresholds);
  }
  if (!options.class_weights.empty()) {
    rules.weights.assign(labels.size(), 1);
    set_by_label(options.class_weights, labels, where, rules.weights);
  }
  for (const float threshold : rules.thresholds) {
    if (threshold >= 0 && threshold <= 1) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] a threshold is {}, a probability from 0 to 1 was expected.", where, threshold));
  }
  for (const float weight : rules.weights) {
    if (weight > 0 && std::isfinite(weight)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] a class weight is {}, a number above 0 was expected.", where, weight));
  }
  return rules;
}

int32_t default_top_k(const LabelRules& rules, ProblemType type) {
  return type == ProblemType::kMultiLabelClassification && !rules.thresholds.empty() ? 0 : 1;
}

std::vector<Prediction> predict(std::span<const float> logits, ProblemType type, int32_t top_k,
                                const LabelRules& rules) {
  std::vector<Prediction> predictions;
  predictions.reserve(logits.size());
  for (std::size_t label = 0; label < logits.size(); ++label) {
    predictions.push_back({static_cast<int32_t>(label), logits[label]});
  }
  const bool weighted = !rules.weights.empty() && type != ProblemType::kRegression;
  if (weighted && type == ProblemType::kSingleLabelClassification) {
    // softmax(logit + log w) is w * softmax(logit), and adds up to 1.
    for (Prediction& prediction : predictions) {
      prediction.score += std::log(rules.weights[static_cast<std::size_t>(prediction.label)]);
    }
  }
  if (type != ProblemType::kRegression && !predictions.empty()) {
    // By logit, not by score: far from 0 different logits round to one score.
    const bool single = type == ProblemType::kSingleLabelClassification;
    if (single && top_k > 0 && predictions.size() > kSortedLabels) {
      sort_best(predictions, top_k);
    } else {
      sort_all(predictions);
    }
    if (single) {
      // Before thresholds: the best label that is not good enough does not make the next one right.
      softmax(predictions, top_k);
    } else {
      for (Prediction& prediction : predictions) {
        prediction.score = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(prediction.score))));
      }
    }
  }
  if (weighted && type == ProblemType::kMultiLabelClassification) weigh(predictions, rules.weights);
  choose(predictions, top_k, rules.thresholds);
  return predictions;
}

void weigh_logits(std::span<float> logits, ProblemType type, const std::vector<float>& weights) {
  if (weights.empty() || type == ProblemType::kRegression) return;
  const bool single = type == ProblemType::kSingleLabelClassification;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    logits[k] = single ? logits[k] + std::log(weights[k]) : weighed_logit(logits[k], weights[k]);
  }
}

bool all_finite(std::span<const float> logits) {
  return std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); });
}

}  // namespace paceline
