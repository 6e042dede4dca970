#include "model/pass/block_output_pass.h"

namespace paceline {
namespace {

Residual from_row(const Residual& residual, int32_t row) {
  return {shifted(residual.rows, row, 0), shifted(residual.normed, row, 0), shifted(residual.in, row, 0)};
}

}  // namespace

void BlockOutputPass::run(std::size_t layer, const Residual& hidden, Range rows, bool split_columns) const {
  const int32_t chunks = (rows.size() + PassMemory::kInnerRows - 1) / PassMemory::kInnerRows;
  for (int32_t i = 0; i < chunks; ++i) {
    const Range part = share(rows.size(), i, chunks);
    const int32_t first = rows.begin + part.begin;
    run_rows(layer, from_row(hidden, first), shifted(part_.shared.context_in, first, 0),
             {.rows = part.size(),
              .split_columns = split_columns,
              .next = i + 1 < chunks ? &part_.block(layer).attention_output : product_after(layer)});
  }
}

/// `common`: what the products have in common; its `next` follows the last of them.
void BlockOutputPass::run_rows(std::size_t layer, const Residual& hidden, NumberRows context,
                               const Product& common) const {
  const BlockWeights& weights = part_.block(layer);
  const Team& team = part_.team;
  const bool split = common.split_columns;
  const Range mine = split ? team.share_of(common.rows) : Range{0, common.rows};
  const PassMemory& memory = split ? part_.shared : part_.own;
  products_.multiply(weights.attention_output, {.in = context,
                                                .out = hidden.rows,
                                                .rows = common.rows,
                                                .epilogue = Epilogue::kAdd,
                                                .split_columns = split,
                                                .next = &weights.up,
                                                .stage = Stage::kAttentionOutput});
  team.column_barrier(split);
  products_.close(hidden, mine, weights.norm_before ? weights.ffn_norm : weights.attention_norm);
  team.column_barrier(split);
  run_inner(weights, hidden, memory, common);
  team.column_barrier(split);
  if (part_.weights.type == NumberType::kInt8) {
    products_.round(NumberType::kInt8, memory.inner, memory.inner_in, mine, weights.down.depth());
    team.column_barrier(split);
  }
  products_.multiply(weights.down, {.in = memory.inner_in,
                                    .out = hidden.rows,
                                    .rows = common.rows,
                                    .epilogue = Epilogue::kAdd,
                                    .split_columns = split,
                                    .next = common.next,
                                    .stage = Stage::kDown});
  team.column_barrier(split);
  products_.close(hidden, mine, closing_norm(layer));
  team.column_barrier(split);
}

/// Activation and gate.
void BlockOutputPass::run_inner(const BlockWeights& weights, const Residual& hidden, const PassMemory& memory,
                                const Product& common) const {
  const bool to_bf16 = part_.weights.type == NumberType::kBf16;
  const bool gated = !weights.gate.panels().empty();
  const NumberRows inner_bf16 = to_bf16 ? memory.inner_in : NumberRows{};
  products_.multiply(weights.up, {.in = hidden.in,
                                  .out = to_bf16 && !gated ? Rows{} : memory.inner,
                                  .out_bf16 = gated ? NumberRows{} : inner_bf16,
                                  .rows = common.rows,
                                  .epilogue = weights.activation,
                                  .split_columns = common.split_columns,
                                  .next = gated ? &weights.gate : &weights.down,
                                  .stage = Stage::kUp});
  if (!gated) return;
  // Each thread multiplies the columns that it has made.
  products_.multiply(weights.gate, {.in = hidden.in,
                                    .out = memory.inner,
                                    .out_bf16 = inner_bf16,
                                    .rows = common.rows,
                                    .epilogue = Epilogue::kMultiply,
                                    .split_columns = common.split_columns,
                                    .next = &weights.down,
                                    .stage = Stage::kUp});
}

/// The norm behind a layer: its own, or the one before the next.
const NormWeights& BlockOutputPass::closing_norm(std::size_t layer) const {
  const BlockWeights& weights = part_.block(layer);
  if (!weights.norm_before) return weights.ffn_norm;
  const bool last = layer + 1 == part_.network.layers.size();
  return last ? part_.weights.final_norm : part_.block(layer + 1).attention_norm;
}

/// The product that comes after a layer.
const PackedDense* BlockOutputPass::product_after(std::size_t layer) const {
  const ModelWeights& weights = part_.weights;
  const std::size_t layers = part_.network.layers.size();
  if (layer + 1 == layers) return weights.head.empty() ? nullptr : &weights.head.front().dense;
  const bool pooled = layer + 2 == layers && weights.last_layer == LastLayer::kPooledHidden;
  return pooled ? &weights.pooled_attention.query : &part_.block(layer + 1).query_key_value;
}

}  // namespace paceline
