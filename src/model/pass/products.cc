#include "model/pass/products.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace paceline {

void Products::multiply(const PackedDense& dense, const Product& product) const {
  std::span<const WeightPanel> panels = dense.panels();
  if (product.split_columns) {
    const Range mine = part_.team.share_of(static_cast<int64_t>(panels.size()));
    panels = panels.subspan(static_cast<std::size_t>(mine.begin), static_cast<std::size_t>(mine.size()));
  }
  const std::byte* next = nullptr;
  if (product.next != nullptr) {
    const auto count = static_cast<int32_t>(product.next->panels().size());
    const int32_t first = product.split_columns ? part_.team.share_of(count).begin : 0;
    next = product.next->panels()[static_cast<std::size_t>(std::min(first, count - 1))].weights;
  }
  part_.kernels.of(dense.type())
      .dense({.in = product.in,
              .rows = product.rows,
              .depth = dense.depth(),
              .panels = panels.data(),
              .panel_count = static_cast<int32_t>(panels.size()),
              .epilogue = product.epilogue,
              .out = product.out,
              .out_bf16 = product.out_bf16,
              .next = next});
  part_.team.mark(product.stage);
}

void Products::normalise(Rows rows, Rows out, NumberRows rounded, Range range, const NormWeights& norm) const {
  part_.kernels.of(part_.weights.type)
      .layer_norm({.in = shifted(rows, range.begin, 0),
                   .out = shifted(out, range.begin, 0),
                   .count = range.size(),
                   .columns = static_cast<int32_t>(norm.scale.size()),
                   .scale = norm.scale.data(),
                   .bias = norm.bias.data(),
                   .epsilon = norm.epsilon,
                   .rounded = shifted(rounded, range.begin, 0)});
  part_.team.mark(Stage::kLayerNorm);
}

void Products::close(const Residual& residual, Range range, const NormWeights& norm) const {
  if (norm.exists()) return normalise(residual.rows, residual.normed, residual.in, range, norm);
  const int32_t width = part_.network.hidden_size;
  if (residual.normed.data != residual.rows.data) {
    for (int32_t i = range.begin; i < range.end; ++i) {
      std::copy_n(residual.rows.row(i), width, residual.normed.row(i));
    }
  }
  round(part_.weights.type, residual.normed, residual.in, range, width);
}

void Products::round(NumberType type, Rows rows, NumberRows rounded, Range range, int32_t columns) const {
  if (type == NumberType::kFp32 || range.size() == 0) return;
  part_.kernels.of(type).round({.in = shifted(rows, range.begin, 0),
                                .rows = range.size(),
                                .columns = columns,
                                .out = shifted(rounded, range.begin, 0)});
  part_.team.mark(Stage::kRounding);
}

}  // namespace paceline
