#include "model/pass/attention_pass.h"

namespace paceline {

AttentionPass::AttentionPass(const PassPart& part, const Products& products)
    : part_(part), products_(products), heads_(part.weights, part.kernels, part.shared, part.own) {}

void AttentionPass::make_query_key_value(const BlockWeights& weights) const {
  const PassMemory& memory = part_.shared;
  const Range rows = part_.product_rows;
  const bool split_columns = part_.team.split_columns();
  const NumberRows made = shifted(memory.query_key_value, rows.begin, 0);
  const bool to_bf16 = part_.weights.narrow_type() == NumberType::kBf16;
  products_.multiply(weights.query_key_value, {.in = shifted(memory.normed_in, rows.begin, 0),
                                               .out = to_bf16 ? Rows{} : floats_of(made),
                                               .out_bf16 = to_bf16 ? made : NumberRows{},
                                               .rows = rows.size(),
                                               .split_columns = split_columns,
                                               .next = &weights.attention_output,
                                               .stage = Stage::kQueryKeyValue});
  if (!split_columns) rotate(weights);
  part_.team.barrier();
  if (split_columns) rotate(weights);
}

/// All heads where rows are split, else those of this thread.
void AttentionPass::rotate(const BlockWeights& weights) const {
  for (const PassSequence& sequence : part_.sequences) {
    heads_.rotate(weights, sequence, intersect(part_.product_rows, sequence.rows()), own_heads(weights));
  }
  part_.team.mark(Stage::kAttention);
}

Range AttentionPass::own_heads(const BlockWeights& weights) const {
  return part_.team.split_columns() ? part_.team.share_of(weights.heads) : Range{0, weights.heads};
}

void AttentionPass::mix_all_rows(const BlockWeights& weights) {
  for (const PassSequence& sequence : part_.sequences) {
    const Range rows = intersect(part_.product_rows, sequence.rows());
    if (rows.size() > 0) mix(weights, sequence, rows, rows.begin);
  }
  heads_.finish();
  part_.team.mark(Stage::kAttention);
}

void AttentionPass::mix_pooled_rows(const BlockWeights& weights) {
  const int32_t batch = part_.batch();
  const Range sequences = part_.team.split_columns() ? Range{0, batch} : part_.team.share_of(batch);
  for (int32_t i = sequences.begin; i < sequences.end; ++i) {
    const PassSequence& sequence = part_.sequence(i);
    const int32_t row = part_.pooled_row(sequence);
    mix(weights, sequence, {row, row + 1}, i);
  }
  heads_.finish();
  part_.team.mark(Stage::kPooledAttention);
}

/// Adds some rows of a sequence in this thread's heads, to be mixed into the context from `out_row` on.
void AttentionPass::mix(const BlockWeights& weights, const PassSequence& sequence, Range rows, int32_t out_row) {
  const bool to_bf16 = part_.weights.type == NumberType::kBf16;
  const auto bytes = static_cast<int64_t>(value_bytes(NumberType::kBf16));
  const Range heads = own_heads(weights);
  for (int32_t head = heads.begin; head < heads.end; ++head) {
    const int64_t column = int64_t{head} * weights.head_dim;
    heads_.add({.block = &weights,
                .sequence = &sequence,
                .head = head,
                .rows = rows,
                .out = to_bf16 ? Rows{} : shifted(part_.shared.context, out_row, column),
                .out_bf16 = to_bf16 ? shifted(part_.shared.context_in, out_row, bytes * column) : NumberRows{}});
  }
}

}  // namespace paceline
