#include <algorithm>
#include <cmath>
#include <cstddef>

#include "classify/text_pipeline.h"

namespace paceline {
namespace {

void keep_best(std::vector<Prediction>& predictions, int32_t top_k) {
  const auto wanted = static_cast<std::size_t>(top_k);
  if (top_k > 0 && wanted < predictions.size()) predictions.resize(wanted);
}

/// exp(x - max) / sum, in double, so that the scores of one text add up to 1 within float's own rounding.
void softmax(std::vector<Prediction>& predictions) {
  double largest = predictions.front().score;
  for (const Prediction& prediction : predictions) largest = std::max<double>(largest, prediction.score);
  double sum = 0;
  for (const Prediction& prediction : predictions) sum += std::exp(prediction.score - largest);
  for (Prediction& prediction : predictions) {
    prediction.score = static_cast<float>(std::exp(prediction.score - largest) / sum);
  }
}

}  // namespace

std::vector<Prediction> predict(std::span<const float> logits, ProblemType type, int32_t top_k) {
  std::vector<Prediction> predictions;
  predictions.reserve(logits.size());
  for (std::size_t label = 0; label < logits.size(); ++label) {
    predictions.push_back({static_cast<int32_t>(label), logits[label]});
  }
  if (type != ProblemType::kRegression && !predictions.empty()) {
    // By logit, not by score: far from 0 different logits round to one score.
    std::stable_sort(predictions.begin(), predictions.end(),
                     [](const Prediction& a, const Prediction& b) { return a.score > b.score; });
    if (type == ProblemType::kSingleLabelClassification) {
      softmax(predictions);
    } else {
      for (Prediction& prediction : predictions) {
        prediction.score = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(prediction.score))));
      }
    }
  }
  keep_best(predictions, top_k);
  return predictions;
}

}  // namespace paceline
