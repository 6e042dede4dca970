#include "kernels/packed_dense.h"

#include <algorithm>
#include <memory>

namespace paceline {
namespace {

constexpr int32_t kLineFloats = 16;

int32_t round_up(int32_t value, int32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

PackedDense::PackedDense(const Kernels& kernels, NumberType type, int32_t depth, std::span<const int32_t> outputs)
    : kernels_(&kernels), type_(type), depth_(depth) {
  for (int32_t part = 0; part < static_cast<int32_t>(outputs.size()); ++part) {
    const int32_t columns = outputs[static_cast<std::size_t>(part)];
    columns_.push_back(width_);
    first_panels_.push_back(static_cast<int32_t>(panels_.size()));
    for (int32_t first = 0; first < columns; first += kernels.panel_columns) {
      const int32_t count = std::min(kernels.panel_columns, columns - first);
      panels_.push_back({.column = width_ + first, .columns = count});
      origins_.push_back({.part = part, .first = first});
      bytes_ += panel_bytes(count);
    }
    width_ += round_up(columns, kLineFloats);
  }
  first_panels_.push_back(static_cast<int32_t>(panels_.size()));
}

void PackedDense::place(std::byte* memory) {
  memory_ = memory;
  for (WeightPanel& panel : panels_) {
    const auto columns = static_cast<std::size_t>(round_up(panel.columns, kernels_->lanes));
    panel.weights = memory;
    panel.bias = reinterpret_cast<const float*>(memory) + static_cast<std::size_t>(words_of(type_, depth_)) * columns;
    if (type_ == NumberType::kInt8) {
      panel.scales = panel.bias + columns;
      panel.sums = panel.scales + columns;
    }
    memory += panel_bytes(panel.columns);
  }
}

void PackedDense::allocate() {
  own_memory_ = AlignedBuffer(bytes_);
  place(own_memory_.data());
}

std::size_t PackedDense::panel_bytes(int32_t columns) const {
  const int32_t rows_behind = type_ == NumberType::kInt8 ? 3 : 1;  // bias; scales and sums
  const int32_t rounded = round_up(round_up(columns, kernels_->lanes), kLineFloats);
  return static_cast<std::size_t>(words_of(type_, depth_) + rows_behind) * static_cast<std::size_t>(rounded) *
         kWordBytes;
}

std::span<const WeightPanel> PackedDense::panels(int32_t part) const {
  const auto first = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part)]);
  const auto last = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part) + 1]);
  return std::span(panels_).subspan(first, last - first);
}

template <class T>
T* PackedDense::writable(const T* part) {
  return reinterpret_cast<T*>(memory_ + (reinterpret_cast<const std::byte*>(part) - memory_));
}

void PackedDense::fill(int32_t index, ConstRows rows, std::span<const float> bias) {
  const WeightPanel& panel = panels_[static_cast<std::size_t>(index)];
  const int32_t words = words_of(type_, depth_);
  PackArgs packing{.rows = reinterpret_cast<const std::byte*>(rows.data),
                   .stride = rows.stride * sizeof(float),
                   .columns = panel.columns,
                   .words = words,
                   .panel = writable<std::byte>(panel.weights)};
  std::unique_ptr<std::byte[]> rounded;
  if (type_ != NumberType::kFp32) {
    packing.stride = static_cast<std::size_t>(words) * kWordBytes;
    rounded = std::make_unique_for_overwrite<std::byte[]>(packing.stride * static_cast<std::size_t>(panel.columns));
    packing.rows = rounded.get();
  }
  if (type_ == NumberType::kBf16) {
    kernels_->of(type_).round({.in = rows,
                               .rows = panel.columns,
                               .columns = depth_,
                               .out = {.data = rounded.get(), .stride = packing.stride}});
  } else if (type_ == NumberType::kInt8) {
    kernels_->quantise({.in = rows,
                        .rows = panel.columns,
                        .columns = depth_,
                        .out = rounded.get(),
                        .stride = packing.stride,
                        .scales = writable(panel.scales),
                        .sums = writable(panel.sums)});
  }
  kernels_->pack(packing);
  std::copy(bias.begin(), bias.end(), writable(panel.bias));
}

}  // namespace paceline
