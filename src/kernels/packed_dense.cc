#include "kernels/packed_dense.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace paceline {
namespace {

constexpr int32_t kLineFloats = 16;
constexpr float kMostInt8 = 127;

int32_t round_up(int32_t value, int32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Some rows [columns, depth] as s8, each with the scale that gives its largest value 127.
struct QuantisedRows {
  QuantisedRows(ConstRows rows, int32_t columns, int32_t depth, std::size_t stride)
      : values(static_cast<std::size_t>(columns) * stride),
        scales(static_cast<std::size_t>(columns)),
        sums(static_cast<std::size_t>(columns)) {
    for (int32_t c = 0; c < columns; ++c) {
      const float* row = rows.row(c);
      float largest = 0;
      for (int32_t k = 0; k < depth; ++k) largest = std::max(largest, std::fabs(row[k]));
      const auto column = static_cast<std::size_t>(c);
      scales[column] = largest / kMostInt8;
      const float inverse = largest == 0 ? 0 : kMostInt8 / largest;
      int32_t sum = 0;
      int8_t* to = values.data() + column * stride;
      for (int32_t k = 0; k < depth; ++k) {
        const float step = std::nearbyint(row[k] * inverse);
        to[k] = static_cast<int8_t>(std::clamp(step, -kMostInt8, kMostInt8));
        sum += to[k];
      }
      sums[column] = static_cast<float>(sum);
    }
  }

  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<float> sums;
};

}  // namespace

PackedDense::PackedDense(const Kernels& kernels, NumberType type, int32_t depth, std::span<const int32_t> outputs)
    : kernels_(&kernels), type_(type), depth_(depth) {
  const auto words = static_cast<std::size_t>(words_of(type, depth));
  const std::size_t rows_behind = type == NumberType::kInt8 ? 3 : 1;  // bias; scales and sums
  std::size_t size = 0;
  std::vector<std::size_t> starts;
  for (int32_t part = 0; part < static_cast<int32_t>(outputs.size()); ++part) {
    const int32_t columns = outputs[static_cast<std::size_t>(part)];
    columns_.push_back(width_);
    first_panels_.push_back(static_cast<int32_t>(panels_.size()));
    for (int32_t first = 0; first < columns; first += kernels.panel_columns) {
      const int32_t count = std::min(kernels.panel_columns, columns - first);
      panels_.push_back({.column = width_ + first, .columns = count});
      origins_.push_back({.part = part, .first = first});
      starts.push_back(size);
      const auto rounded = static_cast<std::size_t>(round_up(round_up(count, kernels.lanes), kLineFloats));
      size += (words + rows_behind) * rounded * kWordBytes;
    }
    width_ += round_up(columns, kLineFloats);
  }
  first_panels_.push_back(static_cast<int32_t>(panels_.size()));
  memory_ = AlignedBuffer(size);
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    WeightPanel& panel = panels_[i];
    const auto rounded = static_cast<std::size_t>(round_up(panel.columns, kernels.lanes));
    panel.weights = memory_.data() + starts[i];
    panel.bias = reinterpret_cast<const float*>(panel.weights + words * rounded * kWordBytes);
    if (type == NumberType::kInt8) {
      panel.scales = panel.bias + rounded;
      panel.sums = panel.scales + rounded;
    }
  }
}

std::span<const WeightPanel> PackedDense::panels(int32_t part) const {
  const auto first = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part)]);
  const auto last = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part) + 1]);
  return std::span(panels_).subspan(first, last - first);
}

template <class T>
T* PackedDense::writable(const T* part) {
  return reinterpret_cast<T*>(memory_.data() + (reinterpret_cast<const std::byte*>(part) - memory_.data()));
}

void PackedDense::fill(int32_t index, ConstRows rows, std::span<const float> bias) {
  const WeightPanel& panel = panels_[static_cast<std::size_t>(index)];
  const int32_t words = words_of(type_, depth_);
  const auto stride = static_cast<std::size_t>(words) * kWordBytes;
  PackArgs packing{
      .stride = stride, .columns = panel.columns, .words = words, .panel = writable<std::byte>(panel.weights)};
  std::vector<std::byte> rounded;
  if (type_ == NumberType::kFp32) {
    packing.rows = reinterpret_cast<const std::byte*>(rows.data);
    packing.stride = rows.stride * sizeof(float);
    kernels_->pack(packing);
  } else if (type_ == NumberType::kBf16) {
    rounded.resize(stride * static_cast<std::size_t>(panel.columns));
    kernels_->of(type_).round(
        {.in = rows, .rows = panel.columns, .columns = depth_, .out = {.data = rounded.data(), .stride = stride}});
    packing.rows = rounded.data();
    kernels_->pack(packing);
  } else {
    const QuantisedRows quantised(rows, panel.columns, depth_, stride);
    packing.rows = reinterpret_cast<const std::byte*>(quantised.values.data());
    kernels_->pack(packing);
    std::copy(quantised.scales.begin(), quantised.scales.end(), writable(panel.scales));
    std::copy(quantised.sums.begin(), quantised.sums.end(), writable(panel.sums));
  }
  std::copy(bias.begin(), bias.end(), writable(panel.bias));
}

}  // namespace paceline
