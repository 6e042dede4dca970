#include "model/weight_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff;
constexpr std::size_t kMostName = 200;

/// The bits of the least magnitude that is infinite or becomes it. bf16 rounds up from half a step below 2^128 on.
constexpr uint32_t first_infinite(NumberType type) { return type == NumberType::kBf16 ? 0x7f7f8000 : 0x7f800000; }

/// Where an element stands: "[12, 7]".
std::string index_text(int64_t element, const Shape& shape) {
  Shape index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    index[i] = element % shape[i];
    element /= shape[i];
  }
  return shape_text(index);
}

float value_at(const TensorView& tensor, int64_t element) {
  float value = 0;
  convert_to_float(tensor, element, {&value, 1});
  return value;
}

/// As it is stored: in fp64 a finite number may be an infinite fp32.
double stored_at(const TensorView& tensor, int64_t element) {
  if (tensor.dtype != DType::kF64) return static_cast<double>(value_at(tensor, element));
  double value = 0;
  copy_bytes(tensor, static_cast<std::size_t>(element) * sizeof(value), std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

/// The first element that is not finite or does not stay so; as many as there are without one.
int64_t first_not_finite(const TensorView& tensor, float factor, NumberType type) {
  std::vector<float> values;
  for (int64_t first = 0; first < tensor.elements(); first += static_cast<int64_t>(values.size())) {
    values.resize(static_cast<std::size_t>(std::min<int64_t>(tensor.elements() - first, 1 << 14)));
    convert_to_float(tensor, first, values);
    for (float& value : values) value *= factor;
    if (stay_finite(values, type)) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!stay_finite({&values[i], 1}, type)) return first + static_cast<int64_t>(i);
    }
  }
  return tensor.elements();
}

}  // namespace

bool stay_finite(std::span<const float> values, NumberType type) {
  // The sum reaches the sign bit from first_infinite on: without a comparison the baseline's vectors do it at the speed
  // of the cache.
  const uint32_t rest = kMagnitude + 1 - first_infinite(type);
  uint32_t seen = 0;
  for (const float value : values) seen |= (std::bit_cast<uint32_t>(value) & kMagnitude) + rest;
  return seen <= kMagnitude;
}

void throw_not_finite(const Weight& weight, const TensorView& tensor, float factor, NumberType type,
                      std::string_view opening) {
  const int64_t first = first_not_finite(tensor, factor, type);
  if (first == tensor.elements()) {
    throw Error(ErrorCode::kInternal, fmt::format("{} tensor {} is finite.", opening, excerpt(weight.name, kMostName)));
  }
  const double stored = stored_at(tensor, first);
  const std::string where = index_text(first, tensor.shape);
  if (std::isfinite(stored)) {
    const std::string_view name = type == NumberType::kBf16 ? "bf16" : "fp32";
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} tensor {} holds {:.4g} at {}, which is too large for {}. Use {}.", opening,
                            excerpt(weight.name, kMostName), stored, where, name,
                            type == NumberType::kBf16 ? "compute type fp32" : "another checkpoint"));
  }
  const std::string_view held = std::isnan(stored) ? "NaN" : stored < 0 ? "-infinity" : "infinity";
  throw Error(ErrorCode::kCorruptData,
              fmt::format("{} tensor {} holds {} at {}, finite numbers were expected. Save the checkpoint again, "
                          "from before its training diverged.",
                          opening, excerpt(weight.name, kMostName), held, where));
}

void check_weight(const Weight& weight, const TensorView& tensor, std::string_view opening) {
  if (first_not_finite(tensor, 1, NumberType::kFp32) == tensor.elements()) return;
  throw_not_finite(weight, tensor, 1, NumberType::kFp32, opening);
}

std::vector<float> finite_values(const WeightSource& source, const Weight& weight, float factor) {
  std::vector<float> values = weight_values(source, weight);
  for (float& value : values) value *= factor;
  if (!stay_finite(values, NumberType::kFp32)) throw_not_finite(weight, source(weight), factor, NumberType::kFp32);
  return values;
}

}  // namespace paceline
