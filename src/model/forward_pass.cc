#include "model/forward_pass.h"

#include <algorithm>
#include <span>

#include "network/position_rows.h"

namespace paceline {
namespace {

constexpr int32_t kLineFloats = 16;

struct Range {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t size() const { return end - begin; }
};

/// The `index`-th of `count` nearly equal parts of [0, total).
Range share(int64_t total, int index, int count) {
  return {static_cast<int32_t>(total * index / count), static_cast<int32_t>(total * (index + 1) / count)};
}

Range intersect(Range a, Range b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

Rows shifted(Rows rows, int64_t row, int64_t column) { return {rows.row(row) + column, rows.stride}; }

/// One thread's part in one pass.
class Worker {
 public:
  Worker(const Network& network, const ModelWeights& weights, const Kernels& kernels, const Team& team,
         PassMemory& shared, PassMemory& own)
      : network_(network), weights_(weights), kernels_(kernels), team_(team), memory_(shared), own_(own) {}

  void run(std::span<const PassSequence> sequences) {
    sequences_ = sequences;
    tokens_ = sequences.back().first + sequences.back().tokens;
    own_rows_ = my_share(tokens_);
    product_rows_ = team_.split_rows ? own_rows_ : Range{0, tokens_};
    embed();
    const std::size_t last = weights_.blocks.size() - 1;
    for (std::size_t i = 0; i < last; ++i) {
      const PackedDense& next = i + 1 < last ? weights_.blocks[i + 1].query_key_value : weights_.pooled_attention.query;
      run_block(weights_.blocks[i], next);
    }
    run_last_block(weights_.blocks.back());
    run_head();
  }

 private:
  bool columns_are_split() const { return team_.threads > 1 && !team_.split_rows; }
  Range my_share(int64_t total) const { return share(total, team_.thread, team_.threads); }
  int32_t batch() const { return static_cast<int32_t>(sequences_.size()); }
  void barrier() const {
    if (team_.threads > 1) team_.pool->barrier();
  }
  /// Needed only where another thread made columns of my rows.
  void column_barrier(bool split_columns) const {
    if (split_columns) barrier();
  }

  /// What a product reads and writes, from its first row on, and how it ends.
  struct Product {
    ConstRows in{};
    Rows out{};
    int32_t rows = 0;
    Epilogue epilogue = Epilogue::kStore;
    bool split_columns = false;         // this thread makes its share of the panels only
    const PackedDense* next = nullptr;  // the layer whose weights come after
  };

  void multiply(const PackedDense& dense, std::span<const WeightPanel> panels, const Product& product) {
    if (product.split_columns) {
      const Range mine = my_share(static_cast<int64_t>(panels.size()));
      panels = panels.subspan(static_cast<std::size_t>(mine.begin), static_cast<std::size_t>(mine.size()));
    }
    const float* next = nullptr;
    if (product.next != nullptr) {
      const auto count = static_cast<int32_t>(product.next->panels().size());
      const int32_t first = product.split_columns ? my_share(count).begin : 0;
      next = product.next->panels()[static_cast<std::size_t>(std::min(first, count - 1))].weights;
    }
    kernels_.dense({.in = product.in,
                    .rows = product.rows,
                    .depth = dense.depth(),
                    .panels = panels.data(),
                    .panel_count = static_cast<int32_t>(panels.size()),
                    .epilogue = product.epilogue,
                    .out = product.out,
                    .next = next});
  }

  void normalise(Rows rows, Range range, const NormWeights& norm) {
    kernels_.layer_norm({.rows = shifted(rows, range.begin, 0),
                         .count = range.size(),
                         .columns = network_.hidden_size,
                         .scale = norm.scale.data(),
                         .bias = norm.bias.data(),
                         .epsilon = norm.epsilon});
  }

  void embed() {
    const int32_t width = network_.hidden_size;
    const ConstRows words(weights_.words.as<float>().data(), static_cast<std::size_t>(width));
    const ConstRows positions(weights_.positions.as<float>().data(), static_cast<std::size_t>(width));
    const ConstRows types(weights_.token_types.as<float>().data(), static_cast<std::size_t>(width));
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(own_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      PositionRows position_rows(network_.embeddings,
                                 std::span(sequence.ids, static_cast<std::size_t>(rows.begin - sequence.first)));
      for (int32_t row = rows.begin; row < rows.end; ++row) {
        const int32_t place = row - sequence.first;
        const int32_t type = sequence.token_types == nullptr ? 0 : sequence.token_types[place];
        kernels_.sum({.a = words.row(sequence.ids[place]),
                      .b = types.row(type),
                      .c = positions.row(position_rows.next(sequence.ids[place])),
                      .columns = width,
                      .out = memory_.hidden.row(row)});
      }
    }
    normalise(memory_.hidden, own_rows_, weights_.embedding_norm);
    column_barrier(columns_are_split());
  }

  /// `next`: the product that comes after.
  void run_block(const BlockWeights& block, const PackedDense& next) {
    const PackedDense& qkv = block.query_key_value;
    multiply(qkv, qkv.panels(),
             {.in = shifted(memory_.hidden, product_rows_.begin, 0),
              .out = shifted(memory_.query_key_value, product_rows_.begin, 0),
              .rows = product_rows_.size(),
              .split_columns = columns_are_split(),
              .next = &block.attention_output});
    barrier();
    attend(block);
    barrier();  // everybody has read keys and values, or has mixed its heads
    feed_forward(block, memory_.hidden, product_rows_, columns_are_split(), &next);
  }

  /// Attention of every sequence: with split rows this thread's rows of all heads, else its heads of all rows.
  void attend(const BlockWeights& block) {
    const Range heads = columns_are_split() ? my_share(block.heads) : Range{0, block.heads};
    const PackedDense& qkv = block.query_key_value;
    AttentionArgs waiting;  // for its successor, whose rows it prefetches
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(product_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      for (int32_t head = heads.begin; head < heads.end; ++head) {
        const auto part_of_head = [&](int32_t row, int32_t part) {
          return shifted(memory_.query_key_value, row, qkv.column(part) + int64_t{head} * block.head_dim);
        };
        const AttentionArgs args{.query = part_of_head(rows.begin, 0),
                                 .key = part_of_head(sequence.first, 1),
                                 .value = part_of_head(sequence.first, 2),
                                 .queries = rows.size(),
                                 .tokens = sequence.tokens,
                                 .head_dim = block.head_dim,
                                 .out = shifted(memory_.context, rows.begin, int64_t{head} * block.head_dim),
                                 .scratch = own_.attention_scratch};
        waiting.next = &args;
        if (waiting.queries > 0) kernels_.attention(waiting);
        waiting = args;
      }
    }
    if (waiting.queries > 0) kernels_.attention(waiting);
  }

  /// From the mixed values to the block's output, in place in `hidden`, some rows at a time.
  void feed_forward(const BlockWeights& block, Rows hidden, Range rows, bool split_columns, const PackedDense* next) {
    const int32_t chunks = (rows.size() + PassMemory::kInnerRows - 1) / PassMemory::kInnerRows;
    for (int32_t i = 0; i < chunks; ++i) {
      const Range part = share(rows.size(), i, chunks);
      const int32_t first = rows.begin + part.begin;
      feed_forward_rows(block, shifted(hidden, first, 0), shifted(memory_.context, first, 0), part.size(),
                        {.split_columns = split_columns, .next = i + 1 < chunks ? &block.attention_output : next});
    }
  }

  void feed_forward_rows(const BlockWeights& block, Rows hidden, Rows context, int32_t rows, const Product& common) {
    const bool split = common.split_columns;
    const Rows inner = split ? memory_.inner : own_.inner;
    const Range mine = split ? my_share(rows) : Range{0, rows};
    const auto step = [&](const PackedDense& dense, ConstRows in, Rows out, Epilogue epilogue,
                          const PackedDense* next) {
      multiply(dense, dense.panels(),
               {.in = in, .out = out, .rows = rows, .epilogue = epilogue, .split_columns = split, .next = next});
      column_barrier(split);
    };
    step(block.attention_output, context, hidden, Epilogue::kAdd, &block.up);
    normalise(hidden, mine, block.attention_norm);
    column_barrier(split);
    step(block.up, hidden, inner, block.activation, &block.down);
    step(block.down, inner, hidden, Epilogue::kAdd, common.next);
    normalise(hidden, mine, block.ffn_norm);
    column_barrier(split);
  }

  /// Everything for the first token of each sequence: nothing reads the other rows.
  void run_last_block(const BlockWeights& block) {
    const PooledAttentionWeights& attention = weights_.pooled_attention;
    const bool team = team_.threads > 1;
    if (team_.split_rows) barrier();  // all rows of hidden are there
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      const float* from = memory_.hidden.row(sequences_[static_cast<std::size_t>(i)].first);
      std::copy_n(from, network_.hidden_size, memory_.pooled.row(i));
    }
    barrier();
    multiply(attention.query, attention.query.panels(),
             {.in = memory_.pooled,
              .out = memory_.pooled_query,
              .rows = batch(),
              .split_columns = team,
              .next = &attention.keys.front()});
    barrier();
    const int32_t groups = (batch() + PassMemory::kPooledSequences - 1) / PassMemory::kPooledSequences;
    for (int32_t i = 0; i < groups; ++i) attend_pooled(block, share(batch(), i, groups));
    barrier();
    feed_forward(block, memory_.pooled, {0, batch()}, team,
                 weights_.head.empty() ? nullptr : &weights_.head.front().dense);
  }

  /// Attention of the first tokens of some sequences, in this thread's heads. What is mixed are the hidden states
  /// themselves, as keys and as values.
  void attend_pooled(const BlockWeights& block, Range sequences) {
    const PooledAttentionWeights& attention = weights_.pooled_attention;
    const Range heads = my_share(block.heads);
    if (heads.size() == 0) return;
    // Row sequence x heads + head of own_.mixed; from one sequence to the next as many rows as there are heads.
    const auto rows_of_head = [&](int32_t head) {
      return Rows{own_.mixed.row(head), own_.mixed.stride * static_cast<std::size_t>(block.heads)};
    };
    for (int32_t head = heads.begin; head < heads.end; ++head) {
      const PackedDense& key = attention.keys[static_cast<std::size_t>(head)];
      const auto next = static_cast<std::size_t>(head) + 1;
      multiply(key, key.panels(),
               {.in = shifted(memory_.pooled_query, sequences.begin, int64_t{head} * block.head_dim),
                .out = rows_of_head(head),
                .rows = sequences.size(),
                .next = head + 1 < heads.end ? &attention.keys[next] : nullptr});
    }
    for (int32_t i = sequences.begin; i < sequences.end; ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const Rows hidden = shifted(memory_.hidden, sequence.first, 0);
      const Rows mixed = shifted(own_.mixed, int64_t{i - sequences.begin} * block.heads + heads.begin, 0);
      kernels_.attention({.query = mixed,
                          .key = hidden,
                          .value = hidden,
                          .queries = heads.size(),
                          .tokens = sequence.tokens,
                          .head_dim = network_.hidden_size,
                          .out = mixed,
                          .scratch = own_.attention_scratch});
    }
    for (int32_t head = heads.begin; head < heads.end; ++head) {
      const PackedDense& value = attention.values[static_cast<std::size_t>(head)];
      multiply(value, value.panels(),
               {.in = rows_of_head(head),
                .out = shifted(memory_.context, sequences.begin, int64_t{head} * block.head_dim),
                .rows = sequences.size()});
    }
  }

  void run_head() {
    Rows in = memory_.pooled;
    Rows out = memory_.pooled_query;
    Rows other = memory_.context;
    for (const HeadWeights& step : weights_.head) {
      multiply(
          step.dense, step.dense.panels(),
          {.in = in, .out = out, .rows = batch(), .epilogue = step.activation, .split_columns = team_.threads > 1});
      barrier();
      in = out;
      std::swap(out, other);
    }
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      std::copy_n(in.row(i), network_.outputs, sequences_[static_cast<std::size_t>(i)].logits);
    }
  }

  const Network& network_;
  const ModelWeights& weights_;
  const Kernels& kernels_;
  const Team& team_;
  PassMemory& memory_;
  PassMemory& own_;
  std::span<const PassSequence> sequences_;
  int32_t tokens_ = 0;
  Range own_rows_;      // for work that goes row by row
  Range product_rows_;  // for products
};

std::size_t padded(int32_t width) {
  const int32_t lines = (width + kLineFloats - 1) / kLineFloats;
  return static_cast<std::size_t>(lines + 1) * kLineFloats;
}

}  // namespace

PassMemory::PassMemory(const Network& network, const ModelWeights& weights, const Kernels& kernels, int32_t tokens) {
  int32_t qkv_width = 0;
  int32_t inner_width = 0;
  int32_t head_width = network.hidden_size;
  int32_t heads = 0;
  std::size_t scratch = kernels.attention_scratch(network.max_tokens, network.hidden_size);
  for (const BlockWeights& block : weights.blocks) {
    qkv_width = std::max(qkv_width, block.query_key_value.width());
    heads = std::max(heads, block.heads);
    inner_width = std::max(inner_width, block.up.width());
    head_width = std::max(head_width, block.heads * block.head_dim);
    scratch = std::max(scratch, kernels.attention_scratch(network.max_tokens, block.head_dim));
  }
  for (const HeadWeights& step : weights.head) head_width = std::max(head_width, step.dense.width());

  struct Area {
    Rows* rows;
    int32_t count;
    int32_t width;
  };
  const Area areas[] = {{&hidden, tokens, network.hidden_size},
                        {&query_key_value, tokens, qkv_width},
                        {&context, tokens, head_width},
                        {&inner, std::min(tokens, kInnerRows), inner_width},
                        {&pooled, tokens, network.hidden_size},
                        {&pooled_query, tokens, head_width},
                        {&mixed, std::min(tokens, kPooledSequences) * heads, network.hidden_size}};
  std::size_t floats = scratch;
  for (const Area& area : areas) floats += static_cast<std::size_t>(area.count) * padded(area.width);
  memory_ = AlignedBuffer(floats * sizeof(float));
  float* at = memory_.as<float>().data();
  for (const Area& area : areas) {
    *area.rows = {at, padded(area.width)};
    at += static_cast<std::size_t>(area.count) * padded(area.width);
  }
  attention_scratch = at;
}

ForwardPass::ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels)
    : network_(network), weights_(weights), kernels_(kernels) {}

void ForwardPass::run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared,
                      PassMemory& own) const {
  Worker(network_, weights_, kernels_, team, shared, own).run(sequences);
}

}  // namespace paceline
