#include "model/pass/head_attention.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace paceline {

NumberRows HeadAttention::part_of_head(const BlockWeights& block, int32_t row, int32_t part, int32_t head) const {
  const auto bytes = static_cast<int64_t>(value_bytes(weights_.narrow_type()));
  const int64_t column = int64_t{block.query_key_value.column(part)} + int64_t{head} * block.head_dim;
  return shifted(memory_.query_key_value, row, bytes * column);
}

void HeadAttention::rotate(const BlockWeights& block, const PassSequence& sequence, Range rows, Range heads) const {
  if (block.turns.empty() || rows.size() <= 0) return;
  const auto run = weights_.narrow_type() == NumberType::kBf16 ? kernels_.rotate_bf16 : kernels_.rotate_fp32;
  for (const int32_t query_or_key : {0, 1}) {
    run({.rows = part_of_head(block, rows.begin, query_or_key, heads.begin),
         .count = rows.size(),
         .heads = heads.size(),
         .half = block.head_dim / 2,
         .turns = block.turns.data() + int64_t{rows.begin - sequence.first} * block.head_dim});
  }
}

AttentionArgs HeadAttention::args_of(const Part& part) const {
  const BlockWeights& block = *part.block;
  const PassSequence& sequence = *part.sequence;
  AttentionArgs args{.query = part_of_head(block, part.rows.begin, 0, part.head),
                     .key = part_of_head(block, sequence.first, 1, part.head),
                     .value = part_of_head(block, sequence.first, 2, part.head),
                     .queries = part.rows.size(),
                     .tokens = sequence.tokens,
                     .head_dim = block.head_dim,
                     .place = part.rows.begin - sequence.first,
                     .visible_before = block.visible_before,
                     .visible_after = block.visible_after,
                     .out = part.out,
                     .out_bf16 = part.out_bf16,
                     .scratch = own_.attention_scratch};
  if (!weights_.relative.distance_bias.empty()) {
    args.bias = weights_.relative.bias_from(part.head, args.place);
    args.bias_stride = -1;
  }
  return args;
}

void HeadAttention::run(const AttentionArgs& args) const {
  (weights_.narrow_type() == NumberType::kBf16 ? kernels_.attention_bf16 : kernels_.attention_fp32)(args);
}

void HeadAttention::add(const Part& part) {
  if (part.block->positions.exist()) return attend_by_position(part);
  const AttentionArgs args = args_of(part);
  waiting_.next = &args;
  if (waiting_.queries > 0) run(waiting_);
  waiting_ = args;
}

void HeadAttention::finish() {
  waiting_.next = nullptr;
  if (waiting_.queries > 0) run(waiting_);
  waiting_ = {};
}

void HeadAttention::multiply(const PackedDense& dense, Range columns, NumberRows in, int32_t rows, Rows out) const {
  const int32_t first = columns.begin / kernels_.panel_columns;
  const int32_t last = (columns.end - 1) / kernels_.panel_columns;
  const std::span<const WeightPanel> panels = dense.panels();
  kernels_.of(dense.type())
      .dense({.in = in,
              .rows = rows,
              .depth = dense.depth(),
              .panels = panels.data() + first,
              .panel_count = last - first + 1,
              .out = out});
}

void HeadAttention::attend_by_position(const Part& part) {
  const PassSequence& sequence = *part.sequence;
  const BlockWeights& block = *part.block;
  const RelativeWeights& relative = weights_.relative;
  const int32_t first_place = part.rows.begin - sequence.first;
  const int32_t last_place = part.rows.end - 1 - sequence.first;
  const Range columns{relative.columns_from(last_place)[0],
                      relative.columns_from(first_place)[sequence.tokens - 1] + 1};
  if (!block.positions.queries.empty()) {
    multiply(block.positions.queries[static_cast<std::size_t>(part.head)], columns,
             part_of_head(block, sequence.first, 1, part.head), sequence.tokens, own_.key_scores);
  }
  const int32_t chunks = (part.rows.size() + PassMemory::kScoreRows - 1) / PassMemory::kScoreRows;
  for (int32_t i = 0; i < chunks; ++i) {
    const Range chunk = share(part.rows.size(), i, chunks);
    Part some = part;
    some.rows = {part.rows.begin + chunk.begin, part.rows.begin + chunk.end};
    if (part.out.data != nullptr) some.out = shifted(part.out, chunk.begin, 0);
    if (part.out_bf16.data != nullptr) some.out_bf16 = shifted(part.out_bf16, chunk.begin, 0);
    score_positions(some, some.rows, columns);
    AttentionArgs args = args_of(some);
    args.bias = own_.score_bias.data;
    args.bias_stride = static_cast<std::ptrdiff_t>(own_.score_bias.stride);
    run(args);
  }
}

/// Fills own_.score_bias.
void HeadAttention::score_positions(const Part& part, Range rows, Range columns) const {
  const PassSequence& sequence = *part.sequence;
  const BlockWeights& block = *part.block;
  const auto head = static_cast<std::size_t>(part.head);
  const NumberRows queries = part_of_head(block, rows.begin, 0, part.head);
  const int32_t place = rows.begin - sequence.first;
  const bool by_query = !block.positions.keys.empty();
  if (by_query) multiply(block.positions.keys[head], columns, queries, rows.size(), own_.query_scores);
  kernels_.relative_scores({.columns = weights_.relative.columns_from(place),
                            .by_query = by_query ? ConstRows(own_.query_scores) : ConstRows(),
                            .by_key = block.positions.queries.empty() ? ConstRows() : ConstRows(own_.key_scores),
                            .queries = rows.size(),
                            .tokens = sequence.tokens,
                            .out = own_.score_bias});
  if (block.positions.segments.empty()) return;
  multiply(block.positions.segments[head], {0, 2}, queries, rows.size(), own_.segment_scores);
  for (int32_t r = 0; r < rows.size(); ++r) {
    const float* scores = own_.segment_scores.row(r);
    for (int32_t s = 0; s < sequence.tokens; ++s) {
      const int32_t* types = sequence.token_types;
      own_.score_bias.row(r)[s] += scores[types != nullptr && types[place + r] != types[s] ? 1 : 0];
    }
  }
}

}  // namespace paceline
