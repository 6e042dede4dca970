#include "model/pass/pooled_block_pass.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace paceline {

PooledBlockPass::PooledBlockPass(const PassPart& part, const Products& products)
    : part_(part), products_(products), attention_(part, products), output_(part, products) {}

void PooledBlockPass::run_on_hidden(std::size_t layer) const {
  const BlockWeights& weights = part_.block(layer);
  const PassMemory& memory = part_.shared;
  const NumberType type = part_.weights.type;
  const Team& team = part_.team;
  if (team.split_rows) team.barrier();  // all rows of hidden are there
  const Range mine = copy_pooled_rows();
  team.mark(Stage::kPooledAttention);
  make_queries(weights, mine);
  const int32_t batch = part_.batch();
  const int32_t groups = (batch + PassMemory::kPooledSequences - 1) / PassMemory::kPooledSequences;
  for (int32_t i = 0; i < groups; ++i) attend(weights, share(batch, i, groups));
  team.barrier();
  if (type != NumberType::kFp32) {
    products_.round(type, memory.context, memory.context_in, mine, weights.heads * weights.head_dim);
    team.barrier();
  }
  run_output(layer);
}

/// Row i of the context belongs to sequence i.
void PooledBlockPass::run_on_rows(std::size_t layer) {
  const BlockWeights& weights = part_.block(layer);
  const PassMemory& memory = part_.shared;
  attention_.make_query_key_value(weights);
  const Range mine = copy_pooled_rows();
  attention_.mix_pooled_rows(weights);
  part_.team.barrier();
  if (part_.weights.type == NumberType::kInt8) {
    products_.round(NumberType::kInt8, memory.context, memory.context_in, mine, weights.heads * weights.head_dim);
    part_.team.barrier();
  }
  run_output(layer);
}

/// What the last layer changes is the pooled row of each sequence alone. Gives its own rows of the batch, of this
/// thread.
Range PooledBlockPass::copy_pooled_rows() const {
  const PassMemory& memory = part_.shared;
  const Range mine = part_.team.share_of(part_.batch());
  for (int32_t i = mine.begin; i < mine.end; ++i) {
    std::copy_n(memory.hidden.row(part_.pooled_row(part_.sequence(i))), part_.network.hidden_size,
                memory.pooled.row(i));
  }
  return mine;
}

void PooledBlockPass::run_output(std::size_t layer) const {
  output_.run(layer, part_.shared.pooled_residual(), {0, part_.batch()}, part_.team.threads > 1);
}

/// `mine`: this thread's sequences.
void PooledBlockPass::make_queries(const BlockWeights& block, Range mine) const {
  const PooledAttentionWeights& attention = part_.weights.pooled_attention;
  const NumberType narrow = part_.weights.narrow_type();
  const PassMemory& memory = part_.shared;
  const Team& team = part_.team;
  products_.round(narrow, memory.pooled, memory.query_in, mine, part_.network.hidden_size);
  team.barrier();
  products_.multiply(attention.query, {.in = narrow == NumberType::kFp32 ? numbers_of(memory.pooled) : memory.query_in,
                                       .out = memory.pooled_query,
                                       .rows = part_.batch(),
                                       .split_columns = team.threads > 1,
                                       .next = &attention.keys.front()});
  team.barrier();
  if (narrow == NumberType::kFp32) return;
  products_.round(narrow, memory.pooled_query, memory.query_in, mine, block.heads * block.head_dim);
  team.barrier();
}

/// Attention of the pooled rows of some sequences, in this thread's heads. What is mixed are the hidden states
/// themselves, as keys and as values.
void PooledBlockPass::attend(const BlockWeights& block, Range sequences) const {
  const Range heads = part_.team.share_of(block.heads);
  if (heads.size() == 0) return;
  multiply_by_keys(block, sequences, heads);
  mix_hidden(block, sequences, heads);
  multiply_by_values(block, sequences, heads);
}

/// Into row sequence x heads + head of own.mixed; from one sequence to the next as many rows as there are heads.
void PooledBlockPass::multiply_by_keys(const BlockWeights& block, Range sequences, Range heads) const {
  const std::vector<PackedDense>& keys = part_.weights.pooled_attention.keys;
  const NumberType narrow = part_.weights.narrow_type();
  const PassMemory& memory = part_.shared;
  const Rows mixed = part_.own.mixed;
  const auto bytes = static_cast<int64_t>(value_bytes(narrow));
  const NumberRows queries = narrow == NumberType::kFp32 ? numbers_of(memory.pooled_query) : memory.query_in;
  for (int32_t head = heads.begin; head < heads.end; ++head) {
    const auto at = static_cast<std::size_t>(head);
    products_.multiply(keys[at], {.in = shifted(queries, sequences.begin, bytes * int64_t{head} * block.head_dim),
                                  .out = {mixed.row(head), mixed.stride * static_cast<std::size_t>(block.heads)},
                                  .rows = sequences.size(),
                                  .next = head + 1 < heads.end ? &keys[at + 1] : nullptr});
  }
}

void PooledBlockPass::mix_hidden(const BlockWeights& block, Range sequences, Range heads) const {
  const RelativeWeights& relative = part_.weights.relative;
  const bool biased = !relative.distance_bias.empty();
  for (int32_t i = sequences.begin; i < sequences.end; ++i) {
    const PassSequence& sequence = part_.sequence(i);
    const NumberRows hidden = numbers_of(shifted(part_.shared.hidden, sequence.first, 0));
    const int32_t first = (i - sequences.begin) * block.heads + heads.begin;
    const Rows mixed = shifted(part_.own.mixed, first, 0);
    part_.kernels.attention_fp32(
        {.query = numbers_of(mixed),
         .key = hidden,
         .value = hidden,
         .queries = heads.size(),
         .tokens = sequence.tokens,
         .head_dim = part_.network.hidden_size,
         .bias = biased ? relative.bias_from(heads.begin, part_.pooled_row(sequence) - sequence.first) : nullptr,
         .bias_stride = relative.bias_stride(),
         .out = mixed,
         .scratch = part_.own.attention_scratch});
    part_.team.mark(Stage::kPooledAttention);
    products_.round(part_.weights.narrow_type(), part_.own.mixed, part_.own.mixed_in, {first, first + heads.size()},
                    part_.network.hidden_size);
  }
}

/// Into the context.
void PooledBlockPass::multiply_by_values(const BlockWeights& block, Range sequences, Range heads) const {
  for (int32_t head = heads.begin; head < heads.end; ++head) {
    NumberRows in = shifted(part_.own.mixed_in, head, 0);
    in.stride *= static_cast<std::size_t>(block.heads);
    products_.multiply(part_.weights.pooled_attention.values[static_cast<std::size_t>(head)],
                       {.in = in,
                        .out = shifted(part_.shared.context, sequences.begin, int64_t{head} * block.head_dim),
                        .rows = sequences.size()});
  }
}

void pool_all_rows(const PassPart& part) {
  part.team.barrier();
  const int32_t hidden_size = part.network.hidden_size;
  const Rows normed = part.shared.normed;
  const Range mine = part.team.share_of(part.batch());
  for (int32_t i = mine.begin; i < mine.end; ++i) {
    const PassSequence& sequence = part.sequence(i);
    const bool mean = part.network.pooling == Pooling::kMean;
    const int32_t first = mean ? sequence.first : part.pooled_row(sequence);
    const int32_t count = mean ? sequence.tokens : 1;
    float* out = part.shared.pooled_normed.row(i);
    std::copy_n(normed.row(first), hidden_size, out);
    for (int32_t row = first + 1; row < first + count; ++row) {
      for (int32_t c = 0; c < hidden_size; ++c) out[c] += normed.row(row)[c];
    }
    for (int32_t c = 0; c < hidden_size; ++c) out[c] /= static_cast<float>(count);
  }
  part.team.mark(Stage::kPooledAttention);
  part.team.barrier();
}

}  // namespace paceline
