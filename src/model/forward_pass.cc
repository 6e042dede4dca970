#include "model/forward_pass.h"

#include <algorithm>
#include <span>

#include "network/position_rows.h"

namespace paceline {
namespace {

constexpr std::size_t kLineBytes = 64;

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

/// `bytes`: where in the row it begins.
NumberRows shifted(NumberRows rows, int64_t row, int64_t bytes) {
  return {.data = rows.data + row * static_cast<int64_t>(rows.stride) + bytes,
          .stride = rows.stride,
          .scales = rows.scales == nullptr ? nullptr : rows.scales + row};
}

/// Fp32 rows as what a product or attention in fp32 reads.
NumberRows numbers_of(Rows rows) {
  return {.data = reinterpret_cast<std::byte*>(rows.data), .stride = rows.stride * sizeof(float)};
}

Rows floats_of(NumberRows rows) { return {reinterpret_cast<float*>(rows.data), rows.stride / sizeof(float)}; }

/// One thread's part in one pass.
class Worker {
 public:
  Worker(const Network& network, const ModelWeights& weights, const Kernels& kernels, const Team& team,
         PassMemory& shared, PassMemory& own)
      : network_(network), weights_(weights), kernels_(kernels), team_(team), memory_(shared), own_(own) {}

  // The order of a block, what each step reads and writes, and in which type:
  //   hidden_in -> query, key, value -> attention -> context[_in] -> + hidden, LayerNorm -> hidden_in
  //   hidden_in -> up, activation -> inner[_in] -> down + hidden, LayerNorm -> hidden_in
  // bf16 is rounded where it is made; int8 needs the range of a whole row, so it is made from fp32 rows.

  void run(std::span<const PassSequence> sequences) {
    sequences_ = sequences;
    tokens_ = sequences.back().first + sequences.back().tokens;
    if (team_.clock != nullptr) team_.clock->begin();
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
    if (team_.threads == 1) return;
    team_.pool->barrier();
    mark(Stage::kWaiting);
  }
  /// What was done since the last mark belongs to `stage`.
  void mark(Stage stage) const {
    if (team_.clock != nullptr) team_.clock->mark(stage);
  }
  /// Needed only where another thread made columns of my rows.
  void column_barrier(bool split_columns) const {
    if (split_columns) barrier();
  }

  /// What a product reads and writes, from its first row on, and how it ends.
  struct Product {
    ConstNumberRows in{};
    Rows out{};
    NumberRows out_bf16{};  // instead of out
    int32_t rows = 0;
    Epilogue epilogue = Epilogue::kStore;
    bool split_columns = false;         // this thread makes its share of the panels only
    const PackedDense* next = nullptr;  // the layer whose weights come after
    Stage stage = Stage::kPooledAttention;
  };

  void multiply(const PackedDense& dense, std::span<const WeightPanel> panels, const Product& product) {
    if (product.split_columns) {
      const Range mine = my_share(static_cast<int64_t>(panels.size()));
      panels = panels.subspan(static_cast<std::size_t>(mine.begin), static_cast<std::size_t>(mine.size()));
    }
    const std::byte* next = nullptr;
    if (product.next != nullptr) {
      const auto count = static_cast<int32_t>(product.next->panels().size());
      const int32_t first = product.split_columns ? my_share(count).begin : 0;
      next = product.next->panels()[static_cast<std::size_t>(std::min(first, count - 1))].weights;
    }
    kernels_.of(dense.type())
        .dense({.in = product.in,
                .rows = product.rows,
                .depth = dense.depth(),
                .panels = panels.data(),
                .panel_count = static_cast<int32_t>(panels.size()),
                .epilogue = product.epilogue,
                .out = product.out,
                .out_bf16 = product.out_bf16,
                .next = next});
    mark(product.stage);
  }

  /// LayerNorm of some rows, in place and, rounded, where the next product reads them.
  void normalise(Rows rows, NumberRows rounded, Range range, const NormWeights& norm) {
    kernels_.of(weights_.type)
        .layer_norm({.in = shifted(rows, range.begin, 0),
                     .out = shifted(rows, range.begin, 0),
                     .count = range.size(),
                     .columns = network_.hidden_size,
                     .scale = norm.scale.data(),
                     .bias = norm.bias.data(),
                     .epsilon = norm.epsilon,
                     .rounded = shifted(rounded, range.begin, 0)});
    mark(Stage::kLayerNorm);
  }

  /// Fp32 rows to where products of `type` read them; in fp32 they do so where they are.
  void round(NumberType type, Rows rows, NumberRows rounded, Range range, int32_t columns) {
    if (type == NumberType::kFp32 || range.size() == 0) return;
    kernels_.of(type).round({.in = shifted(rows, range.begin, 0),
                             .rows = range.size(),
                             .columns = columns,
                             .out = shifted(rounded, range.begin, 0)});
    mark(Stage::kRounding);
  }

  void embed() {
    const int32_t width = network_.hidden_size;
    const ConstRows words(weights_.words.data(), static_cast<std::size_t>(width));
    const ConstRows positions(weights_.positions.data(), static_cast<std::size_t>(width));
    const ConstRows types(weights_.token_types.data(), static_cast<std::size_t>(width));
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
    mark(Stage::kEmbedding);
    normalise(memory_.hidden, memory_.hidden_in, own_rows_, weights_.embedding_norm);
    column_barrier(columns_are_split());
  }

  /// `next`: the product that comes after.
  void run_block(const BlockWeights& block, const PackedDense& next) {
    const PackedDense& qkv = block.query_key_value;
    const NumberRows made = shifted(memory_.query_key_value, product_rows_.begin, 0);
    const bool to_bf16 = weights_.narrow_type() == NumberType::kBf16;
    multiply(qkv, qkv.panels(),
             {.in = shifted(memory_.hidden_in, product_rows_.begin, 0),
              .out = to_bf16 ? Rows{} : floats_of(made),
              .out_bf16 = to_bf16 ? made : NumberRows{},
              .rows = product_rows_.size(),
              .split_columns = columns_are_split(),
              .next = &block.attention_output,
              .stage = Stage::kQueryKeyValue});
    barrier();
    attend(block);
    mark(Stage::kAttention);
    barrier();  // everybody has read keys and values, or has mixed its heads
    if (weights_.type == NumberType::kInt8) {
      round(weights_.type, memory_.context, memory_.context_in, own_rows_, block.heads * block.head_dim);
      column_barrier(columns_are_split());
    }
    feed_forward(block, {memory_.hidden, memory_.hidden_in}, product_rows_, columns_are_split(), &next);
  }

  /// Attention of every sequence: with split rows this thread's rows of all heads, else its heads of all rows.
  void attend(const BlockWeights& block) {
    const Range heads = columns_are_split() ? my_share(block.heads) : Range{0, block.heads};
    const PackedDense& qkv = block.query_key_value;
    const auto bytes = static_cast<int64_t>(value_bytes(weights_.narrow_type()));
    const bool to_bf16 = weights_.type == NumberType::kBf16;
    const auto run = weights_.narrow_type() == NumberType::kBf16 ? kernels_.attention_bf16 : kernels_.attention_fp32;
    AttentionArgs waiting;  // for its successor, whose rows it prefetches
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(product_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      for (int32_t head = heads.begin; head < heads.end; ++head) {
        const int64_t column = int64_t{head} * block.head_dim;
        const auto part_of_head = [&](int32_t row, int32_t part) {
          return shifted(memory_.query_key_value, row, bytes * (qkv.column(part) + column));
        };
        const AttentionArgs args{
            .query = part_of_head(rows.begin, 0),
            .key = part_of_head(sequence.first, 1),
            .value = part_of_head(sequence.first, 2),
            .queries = rows.size(),
            .tokens = sequence.tokens,
            .head_dim = block.head_dim,
            .out = to_bf16 ? Rows{} : shifted(memory_.context, rows.begin, column),
            .out_bf16 = to_bf16 ? shifted(memory_.context_in, rows.begin, bytes * column) : NumberRows{},
            .scratch = own_.attention_scratch};
        waiting.next = &args;
        if (waiting.queries > 0) run(waiting);
        waiting = args;
      }
    }
    waiting.next = nullptr;
    if (waiting.queries > 0) run(waiting);
  }

  /// What a block changes: the residual in fp32, and how the next product reads it.
  struct Residual {
    Rows rows{};
    NumberRows in{};
  };

  /// From the mixed values to the block's output, in place in `hidden`, some rows at a time.
  void feed_forward(const BlockWeights& block, const Residual& hidden, Range rows, bool split_columns,
                    const PackedDense* next) {
    const int32_t chunks = (rows.size() + PassMemory::kInnerRows - 1) / PassMemory::kInnerRows;
    for (int32_t i = 0; i < chunks; ++i) {
      const Range part = share(rows.size(), i, chunks);
      const int32_t first = rows.begin + part.begin;
      feed_forward_rows(block, {shifted(hidden.rows, first, 0), shifted(hidden.in, first, 0)},
                        shifted(memory_.context_in, first, 0), part.size(),
                        {.split_columns = split_columns, .next = i + 1 < chunks ? &block.attention_output : next});
    }
  }

  void feed_forward_rows(const BlockWeights& block, const Residual& hidden, NumberRows context, int32_t rows,
                         const Product& common) {
    const bool split = common.split_columns;
    const PassMemory& memory = split ? memory_ : own_;
    const Range mine = split ? my_share(rows) : Range{0, rows};
    const bool to_bf16 = weights_.type == NumberType::kBf16;
    const auto step = [&](const PackedDense& dense, Product product) {
      product.rows = rows;
      product.split_columns = split;
      multiply(dense, dense.panels(), product);
      column_barrier(split);
    };
    step(block.attention_output, {.in = context,
                                  .out = hidden.rows,
                                  .epilogue = Epilogue::kAdd,
                                  .next = &block.up,
                                  .stage = Stage::kAttentionOutput});
    normalise(hidden.rows, hidden.in, mine, block.attention_norm);
    column_barrier(split);
    step(block.up, {.in = hidden.in,
                    .out = to_bf16 ? Rows{} : memory.inner,
                    .out_bf16 = to_bf16 ? memory.inner_in : NumberRows{},
                    .epilogue = block.activation,
                    .next = &block.down,
                    .stage = Stage::kUp});
    if (weights_.type == NumberType::kInt8) {
      round(weights_.type, memory.inner, memory.inner_in, mine, block.down.depth());
      column_barrier(split);
    }
    step(block.down, {.in = memory.inner_in,
                      .out = hidden.rows,
                      .epilogue = Epilogue::kAdd,
                      .next = common.next,
                      .stage = Stage::kDown});
    normalise(hidden.rows, hidden.in, mine, block.ffn_norm);
    column_barrier(split);
  }

  /// Everything for the first token of each sequence: nothing reads the other rows.
  void run_last_block(const BlockWeights& block) {
    const PooledAttentionWeights& attention = weights_.pooled_attention;
    const NumberType narrow = weights_.narrow_type();
    const int32_t width = block.heads * block.head_dim;
    const bool team = team_.threads > 1;
    if (team_.split_rows) barrier();  // all rows of hidden are there
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      const float* from = memory_.hidden.row(sequences_[static_cast<std::size_t>(i)].first);
      std::copy_n(from, network_.hidden_size, memory_.pooled.row(i));
    }
    mark(Stage::kPooledAttention);
    round(narrow, memory_.pooled, memory_.query_in, mine, network_.hidden_size);
    barrier();
    multiply(attention.query, attention.query.panels(),
             {.in = narrow == NumberType::kFp32 ? numbers_of(memory_.pooled) : memory_.query_in,
              .out = memory_.pooled_query,
              .rows = batch(),
              .split_columns = team,
              .next = &attention.keys.front()});
    barrier();
    if (narrow != NumberType::kFp32) {
      round(narrow, memory_.pooled_query, memory_.query_in, mine, width);
      barrier();
    }
    const int32_t groups = (batch() + PassMemory::kPooledSequences - 1) / PassMemory::kPooledSequences;
    for (int32_t i = 0; i < groups; ++i) attend_pooled(block, share(batch(), i, groups));
    barrier();
    if (weights_.type != NumberType::kFp32) {
      round(weights_.type, memory_.context, memory_.context_in, mine, width);
      barrier();
    }
    feed_forward(block, {memory_.pooled, memory_.pooled_in}, {0, batch()}, team,
                 weights_.head.empty() ? nullptr : &weights_.head.front().dense);
  }

  /// Attention of the first tokens of some sequences, in this thread's heads. What is mixed are the hidden states
  /// themselves, as keys and as values.
  void attend_pooled(const BlockWeights& block, Range sequences) {
    const PooledAttentionWeights& attention = weights_.pooled_attention;
    const NumberType narrow = weights_.narrow_type();
    const auto bytes = static_cast<int64_t>(value_bytes(narrow));
    const Range heads = my_share(block.heads);
    if (heads.size() == 0) return;
    const NumberRows queries = narrow == NumberType::kFp32 ? numbers_of(memory_.pooled_query) : memory_.query_in;
    // Row sequence x heads + head of own_.mixed; from one sequence to the next as many rows as there are heads.
    const auto rows_of_head = [&](int32_t head) {
      return Rows{own_.mixed.row(head), own_.mixed.stride * static_cast<std::size_t>(block.heads)};
    };
    for (int32_t head = heads.begin; head < heads.end; ++head) {
      const PackedDense& key = attention.keys[static_cast<std::size_t>(head)];
      const auto next = static_cast<std::size_t>(head) + 1;
      multiply(key, key.panels(),
               {.in = shifted(queries, sequences.begin, bytes * int64_t{head} * block.head_dim),
                .out = rows_of_head(head),
                .rows = sequences.size(),
                .next = head + 1 < heads.end ? &attention.keys[next] : nullptr});
    }
    for (int32_t i = sequences.begin; i < sequences.end; ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const NumberRows hidden = numbers_of(shifted(memory_.hidden, sequence.first, 0));
      const int32_t first = (i - sequences.begin) * block.heads + heads.begin;
      const Rows mixed = shifted(own_.mixed, first, 0);
      kernels_.attention_fp32({.query = numbers_of(mixed),
                               .key = hidden,
                               .value = hidden,
                               .queries = heads.size(),
                               .tokens = sequence.tokens,
                               .head_dim = network_.hidden_size,
                               .out = mixed,
                               .scratch = own_.attention_scratch});
      mark(Stage::kPooledAttention);
      round(narrow, own_.mixed, own_.mixed_in, {first, first + heads.size()}, network_.hidden_size);
    }
    for (int32_t head = heads.begin; head < heads.end; ++head) {
      const PackedDense& value = attention.values[static_cast<std::size_t>(head)];
      NumberRows in = shifted(own_.mixed_in, head, 0);
      in.stride *= static_cast<std::size_t>(block.heads);
      multiply(value, value.panels(),
               {.in = in,
                .out = shifted(memory_.context, sequences.begin, int64_t{head} * block.head_dim),
                .rows = sequences.size()});
    }
  }

  void run_head() {
    Rows in = memory_.pooled;
    Rows out = memory_.pooled_query;
    Rows other = memory_.context;
    for (const HeadWeights& step : weights_.head) {
      multiply(step.dense, step.dense.panels(),
               {.in = numbers_of(in),
                .out = out,
                .rows = batch(),
                .epilogue = step.activation,
                .split_columns = team_.threads > 1,
                .stage = Stage::kHead});
      barrier();
      in = out;
      std::swap(out, other);
    }
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      std::copy_n(in.row(i), network_.outputs, sequences_[static_cast<std::size_t>(i)].logits);
    }
    mark(Stage::kHead);
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

}  // namespace

/// Deals out areas of one block of memory, of none to find its size.
class PassMemory::Layout {
 public:
  explicit Layout(std::byte* memory) : memory_(memory) {}

  std::size_t used() const { return used_; }

  Rows rows(int32_t count, int32_t width) { return floats_of(numbers(NumberType::kFp32, count, width)); }

  NumberRows numbers(NumberType type, int32_t count, int32_t width) {
    const auto values = static_cast<std::size_t>(width) * value_bytes(type);
    const std::size_t stride = (values + kLineBytes - 1) / kLineBytes * kLineBytes + kLineBytes;
    NumberRows made{.data = take(static_cast<std::size_t>(count) * stride), .stride = stride};
    if (type == NumberType::kInt8) {
      made.scales = reinterpret_cast<RowScale*>(take(static_cast<std::size_t>(count) * sizeof(RowScale)));
    }
    return made;
  }

  /// Where a product of `type` reads what is in `rows`.
  NumberRows input(NumberType type, Rows rows, int32_t count, int32_t width) {
    return type == NumberType::kFp32 ? numbers_of(rows) : numbers(type, count, width);
  }

  float* floats(std::size_t count) { return reinterpret_cast<float*>(take(count * sizeof(float))); }

 private:
  std::byte* take(std::size_t bytes) {
    std::byte* area = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
    return area;
  }

  std::byte* memory_;
  std::size_t used_ = 0;
};

PassMemory::PassMemory(const Network& network, const ModelWeights& weights, const Kernels& kernels, int32_t tokens) {
  Layout empty(nullptr);
  place(empty, network, weights, kernels, tokens);
  memory_ = AlignedBuffer(empty.used());
  Layout layout(memory_.data());
  place(layout, network, weights, kernels, tokens);
}

void PassMemory::place(Layout& layout, const Network& network, const ModelWeights& weights, const Kernels& kernels,
                       int32_t tokens) {
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

  const NumberType type = weights.type;
  const NumberType narrow = weights.narrow_type();
  const int32_t width = network.hidden_size;
  const int32_t inner_rows = std::min(tokens, kInnerRows);
  const int32_t mixed_rows = std::min(tokens, kPooledSequences) * heads;
  hidden = layout.rows(tokens, width);
  hidden_in = layout.input(type, hidden, tokens, width);
  query_key_value = layout.numbers(narrow, tokens, qkv_width);
  context = layout.rows(tokens, head_width);
  context_in = layout.input(type, context, tokens, head_width);
  inner = layout.rows(type == NumberType::kBf16 ? 0 : inner_rows, inner_width);
  inner_in = layout.input(type, inner, inner_rows, inner_width);
  pooled = layout.rows(tokens, width);
  pooled_in = layout.input(type, pooled, tokens, width);
  pooled_query = layout.rows(tokens, head_width);
  query_in = layout.input(narrow, pooled_query, tokens, head_width);
  mixed = layout.rows(mixed_rows, width);
  mixed_in = layout.input(narrow, mixed, mixed_rows, width);
  attention_scratch = layout.floats(scratch);
}

ForwardPass::ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels)
    : network_(network), weights_(weights), kernels_(kernels) {}

void ForwardPass::run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared,
                      PassMemory& own) const {
  Worker(network_, weights_, kernels_, team, shared, own).run(sequences);
}

}  // namespace paceline
