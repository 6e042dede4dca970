#include "model/pass/forward_pass.h"

#include <algorithm>
#include <span>

#include "model/pass/pass_rows.h"
#include "network/position_rows.h"

namespace paceline {
namespace {

/// One thread's part in one pass.
class Worker {
 public:
  Worker(const Network& network, const ModelWeights& weights, const Kernels& kernels, const Team& team,
         PassMemory& shared, PassMemory& own)
      : network_(network),
        weights_(weights),
        kernels_(kernels),
        team_(team),
        memory_(shared),
        own_(own),
        attention_(weights, kernels, shared, own) {}

  // The order of a block, what each step reads and writes, and in which type; "close" is the norm that follows, or what
  // stands in for it: into hidden itself where norms stand behind, into normed where they stand before.
  //   normed_in -> query, key, value -> attention -> context[_in] -> + hidden, close -> normed_in
  //   normed_in -> up, activation, gate -> inner[_in] -> down + hidden, close -> normed_in
  // bf16 is rounded where it is made; int8 needs the range of a whole row, so it is made from fp32 rows.

  void run(std::span<const PassSequence> sequences) {
    sequences_ = sequences;
    tokens_ = sequences.back().first + sequences.back().tokens;
    if (team_.clock != nullptr) team_.clock->begin();
    own_rows_ = my_share(tokens_);
    product_rows_ = team_.split_rows ? own_rows_ : Range{0, tokens_};
    embed();
    const std::size_t last = network_.layers.size() - 1;
    for (std::size_t i = 0; i < last; ++i) run_layer(i);
    run_last_layer(last);
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

  /// What a block changes: the residual, and how it is read next.
  struct Residual {
    Rows rows{};
    Rows normed{};  // the same rows where norms stand behind
    NumberRows in{};
  };
  Residual residual() const { return {memory_.hidden, memory_.normed, memory_.normed_in}; }
  Residual pooled_residual() const { return {memory_.pooled, memory_.pooled_normed, memory_.pooled_in}; }

  /// LayerNorm of some rows and, rounded, where the next product reads them.
  void normalise(Rows rows, Rows out, NumberRows rounded, Range range, const NormWeights& norm) {
    kernels_.of(weights_.type)
        .layer_norm({.in = shifted(rows, range.begin, 0),
                     .out = shifted(out, range.begin, 0),
                     .count = range.size(),
                     .columns = static_cast<int32_t>(norm.scale.size()),
                     .scale = norm.scale.data(),
                     .bias = norm.bias.data(),
                     .epsilon = norm.epsilon,
                     .rounded = shifted(rounded, range.begin, 0)});
    mark(Stage::kLayerNorm);
  }

  /// Makes some rows what the next product reads; a norm that does not exist changes nothing.
  void close(const Residual& residual, Range range, const NormWeights& norm) {
    if (norm.exists()) return normalise(residual.rows, residual.normed, residual.in, range, norm);
    if (residual.normed.data != residual.rows.data) {
      for (int32_t i = range.begin; i < range.end; ++i) {
        std::copy_n(residual.rows.row(i), network_.hidden_size, residual.normed.row(i));
      }
    }
    round(weights_.type, residual.normed, residual.in, range, network_.hidden_size);
  }

  const BlockWeights& block(std::size_t layer) const {
    return weights_.blocks[static_cast<std::size_t>(network_.layers[layer])];
  }

  /// The norm behind a layer: its own, or the one before the next.
  const NormWeights& closing_norm(std::size_t layer) const {
    if (!block(layer).norm_before) return block(layer).ffn_norm;
    return layer + 1 < network_.layers.size() ? block(layer + 1).attention_norm : weights_.final_norm;
  }

  /// The product that comes after a layer.
  const PackedDense* product_after(std::size_t layer) const {
    if (layer + 1 == network_.layers.size()) return weights_.head.empty() ? nullptr : &weights_.head.front().dense;
    const bool pooled = layer + 2 == network_.layers.size() && weights_.last_layer == LastLayer::kPooledHidden;
    return pooled ? &weights_.pooled_attention.query : &block(layer + 1).query_key_value;
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
    add_table_rows();
    const Embeddings& embeddings = network_.embeddings;
    const bool projected = embeddings.projection.exists();
    const bool norm_first = weights_.embedding_norm.exists() && !embeddings.project_first;
    if (norm_first) {
      normalise(memory_.embedded, memory_.embedded, memory_.embedded_in, own_rows_, weights_.embedding_norm);
    }
    if (projected) {
      if (!norm_first) {
        round(weights_.type, memory_.embedded, memory_.embedded_in, own_rows_, network_.embedding_size());
      }
      multiply(weights_.projection, weights_.projection.panels(),
               {.in = shifted(memory_.embedded_in, own_rows_.begin, 0),
                .out = shifted(memory_.hidden, own_rows_.begin, 0),
                .rows = own_rows_.size(),
                .stage = Stage::kEmbedding});
    }
    const BlockWeights& first = block(0);
    if (embeddings.project_first && weights_.embedding_norm.exists()) {
      normalise(memory_.hidden, memory_.hidden, memory_.normed_in, own_rows_, weights_.embedding_norm);
    }
    if (first.norm_before) {
      close(residual(), own_rows_, first.attention_norm);
    } else if (!weights_.embedding_norm.exists() || (projected && norm_first)) {
      round(weights_.type, memory_.hidden, memory_.normed_in, own_rows_, network_.hidden_size);
    }
    column_barrier(columns_are_split());
  }

  void add_table_rows() {
    const int32_t width = network_.embedding_size();
    const ConstRows words(weights_.words.data(), static_cast<std::size_t>(width));
    const ConstRows positions(weights_.positions.data(), static_cast<std::size_t>(width));
    const ConstRows types(weights_.token_types.data(), static_cast<std::size_t>(width));
    const bool placed = network_.embeddings.positions.exists();
    const bool typed = network_.embeddings.token_types.exists();
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(own_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      PositionRows position_rows(network_.embeddings,
                                 std::span(sequence.ids, static_cast<std::size_t>(rows.begin - sequence.first)));
      for (int32_t row = rows.begin; row < rows.end; ++row) {
        const int32_t place = row - sequence.first;
        const int32_t type = typed && sequence.token_types != nullptr ? sequence.token_types[place] : 0;
        const int32_t position = placed ? position_rows.next(sequence.ids[place]) : 0;
        kernels_.sum({.a = words.row(sequence.ids[place]),
                      .b = types.row(type),
                      .c = positions.row(position),
                      .columns = width,
                      .out = memory_.embedded.row(row)});
      }
    }
    mark(Stage::kEmbedding);
  }

  void run_layer(std::size_t layer) {
    const BlockWeights& weights = block(layer);
    const bool convolved = layer == 0 && weights_.convolution.exists();
    if (convolved) copy_for_convolution();
    make_query_key_value(weights);
    attend(weights);
    mark(Stage::kAttention);
    barrier();  // everybody has read keys and values, or has mixed its heads
    if (weights_.type == NumberType::kInt8) {
      round(weights_.type, memory_.context, memory_.context_in, own_rows_, weights.heads * weights.head_dim);
      column_barrier(columns_are_split());
    }
    feed_forward(layer, residual(), product_rows_, columns_are_split());
    if (convolved) add_convolution();
  }

  /// Queries and keys turned to their places, all of them with split rows, else those of this thread's heads.
  void make_query_key_value(const BlockWeights& weights) {
    const PackedDense& qkv = weights.query_key_value;
    const NumberRows made = shifted(memory_.query_key_value, product_rows_.begin, 0);
    const bool to_bf16 = weights_.narrow_type() == NumberType::kBf16;
    multiply(qkv, qkv.panels(),
             {.in = shifted(memory_.normed_in, product_rows_.begin, 0),
              .out = to_bf16 ? Rows{} : floats_of(made),
              .out_bf16 = to_bf16 ? made : NumberRows{},
              .rows = product_rows_.size(),
              .split_columns = columns_are_split(),
              .next = &weights.attention_output,
              .stage = Stage::kQueryKeyValue});
    if (!columns_are_split()) rotate(weights);
    barrier();
    if (columns_are_split()) rotate(weights);
  }

  void rotate(const BlockWeights& weights) {
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(product_rows_, {sequence.first, sequence.first + sequence.tokens});
      attention_.rotate(weights, sequence, rows, my_heads(weights));
    }
    mark(Stage::kAttention);
  }

  Range my_heads(const BlockWeights& weights) const {
    return columns_are_split() ? my_share(weights.heads) : Range{0, weights.heads};
  }

  /// Where a head's values of some row of the pass, or of the batch, are mixed into.
  HeadAttention::Part part_of(const BlockWeights& weights, int32_t head, int32_t out_row) {
    const bool to_bf16 = weights_.type == NumberType::kBf16;
    const int64_t column = int64_t{head} * weights.head_dim;
    const auto bytes = static_cast<int64_t>(value_bytes(NumberType::kBf16));
    return {.block = &weights,
            .head = head,
            .out = to_bf16 ? Rows{} : shifted(memory_.context, out_row, column),
            .out_bf16 = to_bf16 ? shifted(memory_.context_in, out_row, bytes * column) : NumberRows{}};
  }

  /// Attention of every sequence: with split rows this thread's rows of all heads, else its heads of all rows.
  void attend(const BlockWeights& weights) {
    const Range heads = my_heads(weights);
    for (const PassSequence& sequence : sequences_) {
      const Range rows = intersect(product_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      for (int32_t head = heads.begin; head < heads.end; ++head) {
        HeadAttention::Part part = part_of(weights, head, rows.begin);
        part.sequence = &sequence;
        part.rows = rows;
        attention_.add(part);
      }
    }
    attention_.finish();
  }

  /// From the mixed values to the layer's output, some rows at a time.
  void feed_forward(std::size_t layer, const Residual& hidden, Range rows, bool split_columns) {
    const int32_t chunks = (rows.size() + PassMemory::kInnerRows - 1) / PassMemory::kInnerRows;
    for (int32_t i = 0; i < chunks; ++i) {
      const Range part = share(rows.size(), i, chunks);
      const int32_t first = rows.begin + part.begin;
      feed_forward_rows(
          layer, {shifted(hidden.rows, first, 0), shifted(hidden.normed, first, 0), shifted(hidden.in, first, 0)},
          shifted(memory_.context_in, first, 0), part.size(),
          {.split_columns = split_columns,
           .next = i + 1 < chunks ? &block(layer).attention_output : product_after(layer)});
    }
  }

  void feed_forward_rows(std::size_t layer, const Residual& hidden, NumberRows context, int32_t rows,
                         const Product& common) {
    const BlockWeights& weights = block(layer);
    const bool split = common.split_columns;
    const Range mine = split ? my_share(rows) : Range{0, rows};
    const auto step = [&](const PackedDense& dense, Product product) {
      product.rows = rows;
      product.split_columns = split;
      multiply(dense, dense.panels(), product);
    };
    step(weights.attention_output, {.in = context,
                                    .out = hidden.rows,
                                    .epilogue = Epilogue::kAdd,
                                    .next = &weights.up,
                                    .stage = Stage::kAttentionOutput});
    column_barrier(split);
    close(hidden, mine, weights.norm_before ? weights.ffn_norm : weights.attention_norm);
    column_barrier(split);
    const PassMemory& memory = split ? memory_ : own_;
    const bool to_bf16 = weights_.type == NumberType::kBf16;
    const bool gated = !weights.gate.panels().empty();
    const NumberRows inner_bf16 = to_bf16 ? memory.inner_in : NumberRows{};
    step(weights.up, {.in = hidden.in,
                      .out = to_bf16 && !gated ? Rows{} : memory.inner,
                      .out_bf16 = gated ? NumberRows{} : inner_bf16,
                      .epilogue = weights.activation,
                      .next = gated ? &weights.gate : &weights.down,
                      .stage = Stage::kUp});
    if (gated) {  // each thread multiplies the columns that it has made
      step(weights.gate, {.in = hidden.in,
                          .out = memory.inner,
                          .out_bf16 = inner_bf16,
                          .epilogue = Epilogue::kMultiply,
                          .next = &weights.down,
                          .stage = Stage::kUp});
    }
    column_barrier(split);
    if (weights_.type == NumberType::kInt8) {
      round(weights_.type, memory.inner, memory.inner_in, mine, weights.down.depth());
      column_barrier(split);
    }
    step(weights.down, {.in = memory.inner_in,
                        .out = hidden.rows,
                        .epilogue = Epilogue::kAdd,
                        .next = common.next,
                        .stage = Stage::kDown});
    column_barrier(split);
    close(hidden, mine, closing_norm(layer));
    column_barrier(split);
  }

  void run_last_layer(std::size_t layer) {
    switch (weights_.last_layer) {
      case LastLayer::kPooledHidden:
        return run_pooled_hidden(layer);
      case LastLayer::kPooledRows:
        return run_pooled_rows(layer);
      case LastLayer::kAllRows:
        run_layer(layer);
        pool_all_rows();
    }
  }

  int32_t pooled_row(const PassSequence& sequence) const {
    return sequence.first + pooled_place(network_, std::span(sequence.ids, static_cast<std::size_t>(sequence.tokens)));
  }

  /// What the last layer changes is the pooled row of each sequence alone. Its own rows of the batch, of this thread.
  Range copy_pooled_rows() {
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      const float* from = memory_.hidden.row(pooled_row(sequences_[static_cast<std::size_t>(i)]));
      std::copy_n(from, network_.hidden_size, memory_.pooled.row(i));
    }
    return mine;
  }

  /// Everything for the pooled row of each sequence: nothing reads the other rows.
  void run_pooled_hidden(std::size_t layer) {
    const BlockWeights& weights = block(layer);
    const PooledAttentionWeights& attention = weights_.pooled_attention;
    const NumberType narrow = weights_.narrow_type();
    const int32_t width = weights.heads * weights.head_dim;
    const bool team = team_.threads > 1;
    if (team_.split_rows) barrier();  // all rows of hidden are there
    const Range mine = copy_pooled_rows();
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
    for (int32_t i = 0; i < groups; ++i) attend_pooled(weights, share(batch(), i, groups));
    barrier();
    if (weights_.type != NumberType::kFp32) {
      round(weights_.type, memory_.context, memory_.context_in, mine, width);
      barrier();
    }
    feed_forward(layer, pooled_residual(), {0, batch()}, team);
  }

  /// Keys and values of all rows, then the pooled ones alone: row i of the context belongs to sequence i.
  void run_pooled_rows(std::size_t layer) {
    const BlockWeights& weights = block(layer);
    make_query_key_value(weights);
    const Range mine = copy_pooled_rows();
    const Range heads = my_heads(weights);
    const Range sequences = columns_are_split() ? Range{0, batch()} : mine;
    for (int32_t i = sequences.begin; i < sequences.end; ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const int32_t row = pooled_row(sequence);
      for (int32_t head = heads.begin; head < heads.end; ++head) {
        HeadAttention::Part part = part_of(weights, head, i);
        part.sequence = &sequence;
        part.rows = {row, row + 1};
        attention_.add(part);
      }
    }
    attention_.finish();
    mark(Stage::kPooledAttention);
    barrier();
    if (weights_.type == NumberType::kInt8) {
      round(weights_.type, memory_.context, memory_.context_in, mine, weights.heads * weights.head_dim);
      barrier();
    }
    feed_forward(layer, pooled_residual(), {0, batch()}, team_.threads > 1);
  }

  /// From all rows to what the head reads.
  void pool_all_rows() {
    barrier();
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const bool mean = network_.pooling == Pooling::kMean;
      const int32_t first = mean ? sequence.first : pooled_row(sequence);
      const int32_t count = mean ? sequence.tokens : 1;
      float* out = memory_.pooled_normed.row(i);
      std::copy_n(memory_.normed.row(first), network_.hidden_size, out);
      for (int32_t row = first + 1; row < first + count; ++row) {
        for (int32_t c = 0; c < network_.hidden_size; ++c) out[c] += memory_.normed.row(row)[c];
      }
      for (int32_t c = 0; c < network_.hidden_size; ++c) out[c] /= static_cast<float>(count);
    }
    mark(Stage::kPooledAttention);
    barrier();
  }

  /// Each sequence's rows between zeros: sequence i begins (i + 1) times half a kernel later than in the pass.
  void copy_for_convolution() {
    const int32_t gap = weights_.convolution.kernel / 2;
    const Rows in = memory_.convolution_in;
    for (int32_t i = 0; i < batch(); ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const int32_t shift = (i + 1) * gap;
      const Range rows = intersect(own_rows_, {sequence.first, sequence.first + sequence.tokens});
      for (int32_t row = rows.begin; row < rows.end; ++row) {
        std::copy_n(memory_.hidden.row(row), network_.hidden_size, in.row(row + shift));
      }
      const auto width = static_cast<int64_t>(gap) * network_.hidden_size;
      if (rows.size() > 0 && rows.begin == sequence.first)
        std::fill_n(in.row(sequence.first + shift - gap), width, 0.0F);
      const bool last = i + 1 == batch() && team_.thread + 1 == team_.threads;
      if (last) std::fill_n(in.row(tokens_ + shift), width, 0.0F);
    }
    barrier();  // a row's neighbours may be another thread's
  }

  void add_convolution() {
    const ConvolutionWeights& convolution = weights_.convolution;
    const int32_t gap = convolution.kernel / 2;
    for (int32_t i = 0; i < batch(); ++i) {
      const PassSequence& sequence = sequences_[static_cast<std::size_t>(i)];
      const Range rows = intersect(own_rows_, {sequence.first, sequence.first + sequence.tokens});
      if (rows.size() <= 0) continue;
      multiply(convolution.dense, convolution.dense.panels(),
               {.in = shifted(numbers_of(memory_.convolution_in), rows.begin + i * gap, 0),
                .out = shifted(memory_.convolution_out, rows.begin, 0),
                .rows = rows.size(),
                .epilogue = convolution.activation,
                .stage = Stage::kDown});
    }
    for (int32_t row = own_rows_.begin; row < own_rows_.end; ++row) {
      float* hidden = memory_.hidden.row(row);
      const float* added = memory_.convolution_out.row(row);
      for (int32_t c = 0; c < network_.hidden_size; ++c) hidden[c] += added[c];
    }
    close(residual(), own_rows_, convolution.norm);
    column_barrier(columns_are_split());
  }

  /// Attention of the pooled rows of some sequences, in this thread's heads. What is mixed are the hidden states
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
      const RelativeWeights& relative = weights_.relative;
      const bool biased = !relative.distance_bias.empty();
      kernels_.attention_fp32(
          {.query = numbers_of(mixed),
           .key = hidden,
           .value = hidden,
           .queries = heads.size(),
           .tokens = sequence.tokens,
           .head_dim = network_.hidden_size,
           .bias = biased ? relative.bias_from(heads.begin, pooled_row(sequence) - sequence.first) : nullptr,
           .bias_stride = relative.bias_stride(),
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
    Rows in = memory_.pooled_normed;
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
      if (step.norm.exists()) {
        norm_head(out, step.norm);
        barrier();
      }
      in = out;
      std::swap(out, other);
    }
    const Range mine = my_share(batch());
    for (int32_t i = mine.begin; i < mine.end; ++i) {
      std::copy_n(in.row(i), network_.outputs, sequences_[static_cast<std::size_t>(i)].logits);
    }
    mark(Stage::kHead);
  }

  /// Of the head, which is computed in fp32.
  void norm_head(Rows rows, const NormWeights& norm) {
    const Range mine = my_share(batch());
    kernels_.of(NumberType::kFp32)
        .layer_norm({.in = shifted(rows, mine.begin, 0),
                     .out = shifted(rows, mine.begin, 0),
                     .count = mine.size(),
                     .columns = static_cast<int32_t>(norm.scale.size()),
                     .scale = norm.scale.data(),
                     .bias = norm.bias.data(),
                     .epsilon = norm.epsilon});
    mark(Stage::kHead);
  }

  const Network& network_;
  const ModelWeights& weights_;
  const Kernels& kernels_;
  const Team& team_;
  PassMemory& memory_;
  PassMemory& own_;
  HeadAttention attention_;
  std::span<const PassSequence> sequences_;
  int32_t tokens_ = 0;
  Range own_rows_;      // for work that goes row by row
  Range product_rows_;  // for products
};

}  // namespace

ForwardPass::ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels)
    : network_(network), weights_(weights), kernels_(kernels) {}

void ForwardPass::run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared,
                      PassMemory& own) const {
  Worker(network_, weights_, kernels_, team, shared, own).run(sequences);
}

}  // namespace paceline
