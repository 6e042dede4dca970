#include "kernels/packed_dense.h"

#include <algorithm>

namespace paceline {
namespace {

constexpr int32_t kLineFloats = 16;

int32_t round_up(int32_t value, int32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

PackedDense::PackedDense(const Kernels& kernels, int32_t depth, std::span<const int32_t> outputs)
    : kernels_(&kernels), depth_(depth) {
  std::size_t floats = 0;
  std::vector<std::size_t> starts;
  for (int32_t part = 0; part < static_cast<int32_t>(outputs.size()); ++part) {
    const int32_t columns = outputs[static_cast<std::size_t>(part)];
    columns_.push_back(width_);
    first_panels_.push_back(static_cast<int32_t>(panels_.size()));
    for (int32_t first = 0; first < columns; first += kernels.panel_columns) {
      const int32_t count = std::min(kernels.panel_columns, columns - first);
      panels_.push_back({.column = width_ + first, .columns = count});
      origins_.push_back({.part = part, .first = first});
      starts.push_back(floats);
      // One row more than the depth: the bias follows the weights.
      const auto rows = static_cast<std::size_t>(depth) + 1;
      floats += rows * static_cast<std::size_t>(round_up(round_up(count, kernels.lanes), kLineFloats));
    }
    width_ += round_up(columns, kLineFloats);
  }
  first_panels_.push_back(static_cast<int32_t>(panels_.size()));
  memory_ = AlignedBuffer(floats * sizeof(float));
  const float* memory = memory_.as<float>().data();
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    const auto rounded = static_cast<std::size_t>(round_up(panels_[i].columns, kernels.lanes));
    panels_[i].weights = memory + starts[i];
    panels_[i].bias = panels_[i].weights + static_cast<std::size_t>(depth) * rounded;
  }
}

std::span<const WeightPanel> PackedDense::panels(int32_t part) const {
  const auto first = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part)]);
  const auto last = static_cast<std::size_t>(first_panels_[static_cast<std::size_t>(part) + 1]);
  return std::span(panels_).subspan(first, last - first);
}

void PackedDense::fill(int32_t index, ConstRows rows, std::span<const float> bias) {
  const WeightPanel& panel = panels_[static_cast<std::size_t>(index)];
  float* memory = memory_.as<float>().data();
  kernels_->pack_panel(rows, panel.columns, depth_, memory + (panel.weights - memory));
  std::copy(bias.begin(), bias.end(), memory + (panel.bias - memory));
}

}  // namespace paceline
