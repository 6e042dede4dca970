#include "answer/windows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include "answer/predict.h"

namespace paceline {
namespace {

using Combine = LongTextOptions::Combine;
constexpr const char* kNoToken = "the text has no token for this model, expected at least one.";

/// Logits as something that can be averaged, [K].
std::vector<double> to_values(std::span<const float> logits, ProblemType type, bool over_logits) {
  std::vector<double> values(logits.begin(), logits.end());
  if (over_logits || type == ProblemType::kRegression) return values;
  if (type == ProblemType::kMultiLabelClassification) {
    for (double& value : values) value = 1 / (1 + std::exp(-value));
    return values;
  }
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
  return values;
}

/// The way back. Bounds keep logits finite; beyond them a float's probability is 0 or 1 anyway.
float to_logit(double value, ProblemType type, bool over_logits) {
  constexpr double kSmallest = 1e-38;
  constexpr double kNearOne = 1 - 1e-9;
  if (over_logits || type == ProblemType::kRegression) return static_cast<float>(value);
  if (type == ProblemType::kSingleLabelClassification) return static_cast<float>(std::log(std::max(value, kSmallest)));
  const double bounded = std::clamp(value, kSmallest, kNearOne);
  return static_cast<float>(std::log(bounded / (1 - bounded)));
}

/// One text's windows [windows, K] to [K].
std::vector<float> combine_text(std::span<const float> logits, std::size_t columns, ProblemType type,
                                const LongTextOptions& options) {
  const std::size_t windows = logits.size() / columns;
  if (windows == 1 || (windows > 1 && options.combine == Combine::kFirst)) {
    return {logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(columns)};
  }
  if (windows == 0 || !all_finite(logits)) {
    return std::vector<float>(columns, std::numeric_limits<float>::quiet_NaN());
  }
  std::vector<double> combined;
  for (std::size_t window = 0; window < windows; ++window) {
    const std::vector<double> values = to_values(logits.subspan(window * columns, columns), type, options.over_logits);
    if (window == 0) {
      combined = values;
      continue;
    }
    for (std::size_t k = 0; k < columns; ++k) {
      combined[k] = options.combine == Combine::kMax ? std::max(combined[k], values[k]) : combined[k] + values[k];
    }
  }
  const double divisor = options.combine == Combine::kMean ? static_cast<double>(windows) : 1;
  std::vector<float> result(columns);
  for (std::size_t k = 0; k < columns; ++k) result[k] = to_logit(combined[k] / divisor, type, options.over_logits);
  return result;
}

template <class Ids>
Ids slice(const Ids& ids, std::size_t begin, std::size_t end) {
  if (ids.empty()) return {};
  return Ids(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

Sequences split_windows(EncodedTexts texts, int32_t max_length) {
  const std::size_t step =
      max_length > 0 ? static_cast<std::size_t>(max_length) : std::numeric_limits<std::size_t>::max();
  Sequences sequences;
  sequences.encodings.reserve(texts.encodings.size());
  auto error = texts.errors.begin();
  for (std::size_t text = 0; text < texts.encodings.size(); ++text) {
    Encoding& encoding = texts.encodings[text];
    sequences.begins.push_back(sequences.encodings.size());
    if (error != texts.errors.end() && error->text == text) {
      sequences.errors.push_back(std::move(*error++));
      continue;
    }
    const std::size_t size = encoding.input_ids.size();
    if (size == 0) {
      sequences.errors.push_back({.text = text, .code = ErrorCode::kInvalidArgument, .message = kNoToken});
      continue;
    }
    if (size <= step) {
      sequences.encodings.push_back(std::move(encoding));
      continue;
    }
    for (std::size_t begin = 0; begin < size; begin += step) {
      const std::size_t end = std::min(begin + step, size);
      sequences.encodings.push_back({.input_ids = slice(encoding.input_ids, begin, end),
                                     .token_type_ids = slice(encoding.token_type_ids, begin, end),
                                     .truncated = begin == 0 ? encoding.truncated : 0});
    }
    encoding = {};
  }
  sequences.begins.push_back(sequences.encodings.size());
  return sequences;
}

std::vector<float> combine_windows(std::span<const float> logits, std::span<const std::size_t> begins, ProblemType type,
                                   const LongTextOptions& options) {
  if (logits.empty() || begins.back() == 0 || logits.size() % begins.back() != 0) return {};
  const std::size_t columns = logits.size() / begins.back();
  std::vector<float> rows;
  rows.reserve((begins.size() - 1) * columns);
  for (std::size_t text = 0; text + 1 < begins.size(); ++text) {
    const std::size_t count = begins[text + 1] - begins[text];
    const std::vector<float> row =
        combine_text(logits.subspan(begins[text] * columns, count * columns), columns, type, options);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

}  // namespace paceline
