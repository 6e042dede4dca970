#include "model/reference_model.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/thread_pool.h"
#include "batch/check_batch.h"
#include "kernels/reference/exact_functions.h"
#include "network/dense_rows.h"
#include "network/position_rows.h"
#include "network/relative_rows.h"

namespace paceline {
namespace {

/// A matrix of doubles stored column by column: the tokens of one column lie side by side, so that a weight is read
/// once for many of them. Columns are padded to whole groups of tokens.
struct Columns {
  static constexpr std::size_t kGroup = 8;

  Columns(int32_t width, std::size_t row_count)
      : rows(row_count),
        stride((row_count + kGroup - 1) / kGroup * kGroup),
        values(static_cast<std::size_t>(width) * stride) {}
  double* column(int32_t c) { return values.data() + static_cast<std::size_t>(c) * stride; }
  const double* column(int32_t c) const { return values.data() + static_cast<std::size_t>(c) * stride; }
  int32_t width() const { return stride == 0 ? 0 : static_cast<int32_t>(values.size() / stride); }

  std::size_t rows;
  std::size_t stride;
  std::vector<double> values;
};

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return exact_gelu(x);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kGeluTanh:
      return exact_gelu_tanh(x);
    case Activation::kSilu:
      return exact_silu(x);
    case Activation::kMish:
      return exact_mish(x);
  }
  return x;
}

/// out = bias + x w^T for one output column.
void dot_column(const Columns& x, std::span<const float> weights, double bias, double* out) {
  for (std::size_t row = 0; row < x.stride; row += Columns::kGroup) {
    double sums[Columns::kGroup] = {};
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double* in = x.column(static_cast<int32_t>(k)) + row;
      for (std::size_t i = 0; i < Columns::kGroup; ++i) sums[i] += static_cast<double>(weights[k]) * in[i];
    }
    for (std::size_t i = 0; i < Columns::kGroup; ++i) out[row + i] = bias + sums[i];
  }
}

void normalise(Columns& x, const std::vector<float>& scale, const std::vector<float>& bias, double epsilon) {
  const int32_t width = x.width();
  for (std::size_t row = 0; row < x.rows; ++row) {
    double mean = 0;
    for (int32_t c = 0; c < width; ++c) mean += x.column(c)[row];
    mean /= width;
    double variance = 0;
    for (int32_t c = 0; c < width; ++c) variance += (x.column(c)[row] - mean) * (x.column(c)[row] - mean);
    const double deviation = std::sqrt(variance / width + epsilon);
    for (int32_t c = 0; c < width; ++c) {
      const auto at = static_cast<std::size_t>(c);
      x.column(c)[row] =
          (x.column(c)[row] - mean) / deviation * static_cast<double>(scale[at]) + static_cast<double>(bias[at]);
    }
  }
}

void add(Columns& x, const Columns& y) {
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += y.values[i];
}

void multiply(Columns& x, const Columns& y) {
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] *= y.values[i];
}

/// Rows of one sequence.
struct Sequence {
  std::size_t first = 0;
  std::size_t length = 0;
};

/// What the heads of a layer compute with.
struct AttentionInputs {
  Columns query, key, value;                                ///< [H D], rows are tokens
  std::optional<Columns> position_key{}, position_query{};  ///< [H D], rows are those of the relative positions' table
  std::vector<int32_t> rows{};                              ///< of the table for each distance, from -middle on
  std::size_t middle = 0;
  std::vector<float> distance_bias{};                                  ///< [buckets, H]
  std::vector<float> content_bias{}, position_bias{}, segment_bias{};  ///< [H D]; empty: 0
  std::vector<float> segments{};                                       ///< [2, H D]
};

double value_or_zero(const std::vector<float>& values, std::size_t index) {
  return values.empty() ? 0 : static_cast<double>(values[index]);
}

/// Scores of one head.
class Head {
 public:
  Head(const SelfAttention& layer, int32_t index, const AttentionInputs& in, std::span<const int32_t> types)
      : layer_(layer), index_(index), in_(in), types_(types) {}

  void attend(Sequence rows, Columns& out) const {
    const auto [first, length] = rows;
    std::vector<double> weights(length);
    for (std::size_t place = 0; place < length; ++place) {
      const VisibleKeys seen = visible_keys(layer_, static_cast<int32_t>(place), static_cast<int32_t>(length));
      const auto begin = static_cast<std::size_t>(seen.begin);
      const auto end = static_cast<std::size_t>(seen.end);
      std::fill(weights.begin(), weights.end(), 0.0);
      add_scores(rows, place, {begin, end}, weights);
      for (std::size_t j = begin; j < end; ++j) {
        weights[j] *= layer_.scale;
        if (!in_.distance_bias.empty()) weights[j] += distance_bias(j + in_.middle - place);
      }
      const double highest = *std::max_element(&weights[begin], &weights[begin] + seen.size());
      double total = 0;
      for (std::size_t j = begin; j < end; ++j) total += weights[j] = std::exp(weights[j] - highest);
      for (int32_t d = columns_begin(); d < columns_begin() + layer_.head_dim; ++d) {
        const double* values = in_.value.column(d) + first;
        double mixed = 0;
        for (std::size_t j = begin; j < end; ++j) mixed += weights[j] * values[j];
        out.column(d)[first + place] = mixed / total;
      }
    }
  }

 private:
  int32_t columns_begin() const { return index_ * layer_.head_dim; }

  double distance_bias(std::size_t distance) const {
    const auto heads = static_cast<std::size_t>(layer_.heads);
    return static_cast<double>(
        in_.distance_bias[static_cast<std::size_t>(in_.rows[distance]) * heads + static_cast<std::size_t>(index_)]);
  }

  struct Keys {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// Of the query at `place` and the keys that it sees, before the scale.
  void add_scores(Sequence sequence, std::size_t place, Keys seen, std::vector<double>& scores) const {
    const std::size_t query = sequence.first + place;
    for (int32_t d = columns_begin(); d < columns_begin() + layer_.head_dim; ++d) {
      const auto at = static_cast<std::size_t>(d);
      const double q = in_.query.column(d)[query];
      const double* keys = in_.key.column(d) + sequence.first;
      const double content = q + value_or_zero(in_.content_bias, at);
      for (std::size_t j = seen.begin; j < seen.end; ++j) scores[j] += content * keys[j];
      const auto row = [&](std::size_t j) { return static_cast<std::size_t>(in_.rows[j + in_.middle - place]); };
      if (in_.position_key) {
        const double position = q + value_or_zero(in_.position_bias, at);
        for (std::size_t j = seen.begin; j < seen.end; ++j) scores[j] += position * in_.position_key->column(d)[row(j)];
      }
      if (in_.position_query) {
        for (std::size_t j = seen.begin; j < seen.end; ++j)
          scores[j] += keys[j] * in_.position_query->column(d)[row(j)];
      }
      if (!in_.segments.empty()) {
        const double segment = q + value_or_zero(in_.segment_bias, at);
        const std::size_t width = in_.segments.size() / 2;
        for (std::size_t j = seen.begin; j < seen.end; ++j) {
          const bool same = types_.empty() || types_[query] == types_[sequence.first + j];
          scores[j] += segment * static_cast<double>(in_.segments[same ? at : width + at]);
        }
      }
    }
  }

  const SelfAttention& layer_;
  int32_t index_;
  const AttentionInputs& in_;
  std::span<const int32_t> types_;
};

/// Turns the halves of each head by its place.
void rotate(const SelfAttention& layer, std::span<const int32_t> places, Columns& x) {
  const int32_t half = layer.head_dim / 2;
  for (int32_t head = 0; head < layer.heads; ++head) {
    for (int32_t d = 0; d < half; ++d) {
      double* a = x.column(head * layer.head_dim + d);
      double* b = x.column(head * layer.head_dim + d + half);
      for (std::size_t i = 0; i < x.rows; ++i) {
        const double cosine = layer.rotary.cosine(places[i], static_cast<std::size_t>(d));
        const double sine = layer.rotary.sine(places[i], static_cast<std::size_t>(d));
        const double turned = a[i] * cosine - b[i] * sine;
        b[i] = b[i] * cosine + a[i] * sine;
        a[i] = turned;
      }
    }
  }
}

}  // namespace

struct ReferenceModel::State {
  /// The layer's values, zeros where it has none.
  std::vector<float> bias_of(const Dense& layer) const {
    if (!layer.bias.exists()) return std::vector<float>(static_cast<std::size_t>(layer.out), 0.0F);
    const std::vector<float> all = weight_values(source, layer.bias);
    return {all.begin() + layer.first, all.begin() + layer.first + layer.out};
  }

  std::vector<float> values_of(const Weight& weight) const {
    return weight.exists() ? weight_values(source, weight) : std::vector<float>();
  }

  Columns dense(const Dense& layer, const Columns& x, Activation activation = Activation::kNone) {
    Columns y(layer.out, x.rows);
    std::vector<float> values;  // where a row has one number of each stored row
    const TensorView weight = layer.transposed ? copy_to_memory(source(layer.weight), values) : source(layer.weight);
    const std::vector<float> bias = bias_of(layer);
    pool.run([&](int thread) {
      std::vector<float> row(static_cast<std::size_t>(layer.in));
      for (int32_t n = thread; n < layer.out; n += pool.size()) {
        read_dense_rows(weight, layer, n, 1, row);
        dot_column(x, row, static_cast<double>(bias[static_cast<std::size_t>(n)]), y.column(n));
        for (std::size_t i = 0; i < y.rows; ++i) y.column(n)[i] = activate(activation, y.column(n)[i]);
      }
    });
    return y;
  }

  void norm(const LayerNorm& layer, Columns& x) const {
    if (!layer.exists()) return;
    std::vector<float> bias = values_of(layer.bias);
    bias.resize(static_cast<std::size_t>(x.width()));
    normalise(x, weight_values(source, layer.scale), bias, layer.epsilon);
  }

  void add_row(const Weight& table, int32_t row, std::vector<float>& buffer, Columns& x, std::size_t token) const {
    if (!table.exists()) return;
    convert_to_float(source(table), int64_t{row} * x.width(), buffer);
    for (int32_t c = 0; c < x.width(); ++c)
      x.column(c)[token] += static_cast<double>(buffer[static_cast<std::size_t>(c)]);
  }

  Columns embed(const PackedBatch& batch) {
    const Embeddings& embeddings = network.embeddings;
    Columns x(network.embedding_size(), static_cast<std::size_t>(batch.tokens()));
    std::vector<float> buffer(static_cast<std::size_t>(network.embedding_size()));
    for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
      const int32_t first = batch.cu_seqlens[static_cast<std::size_t>(sequence)];
      PositionRows position_rows(embeddings);
      for (int32_t place = 0; place < batch.length(sequence); ++place) {
        const std::size_t token = static_cast<std::size_t>(first) + static_cast<std::size_t>(place);
        add_row(embeddings.words, batch.input_ids[token], buffer, x, token);
        add_row(embeddings.positions, position_rows.next(batch.input_ids[token]), buffer, x, token);
        add_row(embeddings.token_types, batch.token_type_ids.empty() ? 0 : batch.token_type_ids[token], buffer, x,
                token);
      }
    }
    if (!embeddings.project_first) norm(embeddings.norm, x);
    if (embeddings.projection.exists()) x = dense(embeddings.projection, x);
    if (embeddings.project_first) norm(embeddings.norm, x);
    return x;
  }

  /// Rows of the relative positions' table, ready to be projected: those of the checkpoint, or one for each distance.
  Columns position_table(int32_t tokens) const {
    const RelativePositions& relative = network.relative;
    const bool learned = relative.kind == RelativeKind::kLearned;
    const int32_t width = network.hidden_size;
    const std::vector<float> rows =
        learned ? weight_values(source, relative.table) : sinusoid_rows(relative, tokens, width);
    Columns table(width, rows.size() / static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < table.rows; ++i) {
      for (int32_t c = 0; c < width; ++c)
        table.column(c)[i] =
            static_cast<double>(rows[i * static_cast<std::size_t>(width) + static_cast<std::size_t>(c)]);
    }
    norm(relative.norm, table);
    return table;
  }

  /// What the relative positions give a layer; `tokens`: of the longest sequence.
  void add_positions(const SelfAttention& layer, int32_t tokens, AttentionInputs& in) {
    const RelativeKind kind = network.relative.kind;
    if (kind == RelativeKind::kNone) return;
    in.middle = static_cast<std::size_t>(tokens) - 1;
    if (kind == RelativeKind::kSinusoid) {
      for (int32_t row = 0; row < 2 * tokens - 1; ++row) in.rows.push_back(row);
    } else {
      in.rows = relative_rows(network.relative, tokens);
    }
    if (kind == RelativeKind::kBias) {
      in.distance_bias = weight_values(source, network.relative.table);
      return;
    }
    const Columns table = position_table(tokens);
    if (layer.position_key.exists()) in.position_key = dense(layer.position_key, table);
    if (layer.position_query.exists()) in.position_query = dense(layer.position_query, table);
  }

  Columns attention(const SelfAttention& layer, const PackedBatch& batch, const Columns& x) {
    AttentionInputs in{.query = dense(layer.query, x), .key = dense(layer.key, x), .value = dense(layer.value, x)};
    in.content_bias = values_of(layer.content_bias);
    in.position_bias = values_of(layer.position_bias);
    in.segment_bias = values_of(layer.segment_bias);
    in.segments = values_of(layer.segments);
    add_positions(layer, batch.max_seqlen, in);
    if (layer.rotary.exists()) {
      std::vector<int32_t> places;
      for (int32_t i = 0; i < batch.sequences(); ++i) {
        for (int32_t place = 0; place < batch.length(i); ++place) places.push_back(place);
      }
      rotate(layer, places, in.query);
      rotate(layer, places, in.key);
    }
    Columns mixed(layer.heads * layer.head_dim, x.rows);
    pool.run([&](int thread) {
      for (int32_t index = thread; index < layer.heads; index += pool.size()) {
        const Head head(layer, index, in, batch.token_type_ids);
        for (int32_t i = 0; i < batch.sequences(); ++i) {
          const auto first = static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(i)]);
          head.attend({first, static_cast<std::size_t>(batch.length(i))}, mixed);
        }
      }
    });
    return dense(layer.output, mixed);
  }

  Columns feed_forward(const FeedForward& layer, const Columns& x) {
    Columns inner = dense(layer.up, x, layer.activation);
    if (layer.gate.exists()) multiply(inner, dense(layer.gate, x));
    return dense(layer.down, inner);
  }

  /// x + function(x), with the norm before or behind.
  template <class Function>
  void add_residual(const Block& block, const LayerNorm& layer, Function function, Columns& x) {
    if (block.norm_before) {
      Columns normed = x;
      norm(layer, normed);
      add(x, function(normed));
    } else {
      add(x, function(x));
      norm(layer, x);
    }
  }

  void run_block(const Block& block, const PackedBatch& batch, Columns& x) {
    add_residual(
        block, block.attention_norm, [&](const Columns& in) { return attention(block.attention, batch, in); }, x);
    add_residual(
        block, block.ffn_norm, [&](const Columns& in) { return feed_forward(block.ffn, in); }, x);
  }

  /// Along the tokens of each sequence, with zeros on both sides.
  Columns convolve(const PackedBatch& batch, const Columns& x) {
    const Convolution& layer = network.convolution;
    const std::vector<float> weight = weight_values(source, layer.weight);
    std::vector<float> bias = values_of(layer.bias);
    bias.resize(static_cast<std::size_t>(x.width()));
    const int32_t depth = x.width() / layer.groups;
    Columns y(x.width(), x.rows);
    pool.run([&](int thread) {
      for (int32_t n = thread; n < y.width(); n += pool.size()) {
        const int32_t group = n / (y.width() / layer.groups);
        for (int32_t i = 0; i < batch.sequences(); ++i) {
          const int32_t first = batch.cu_seqlens[static_cast<std::size_t>(i)];
          for (int32_t place = 0; place < batch.length(i); ++place) {
            double sum = static_cast<double>(bias[static_cast<std::size_t>(n)]);
            for (int32_t k = 0; k < layer.kernel; ++k) {
              const int32_t from = place + k - (layer.kernel - 1) / 2;
              if (from < 0 || from >= batch.length(i)) continue;
              for (int32_t c = 0; c < depth; ++c) {
                const auto at = static_cast<std::size_t>((int64_t{n} * depth + c) * layer.kernel + k);
                sum += static_cast<double>(weight[at]) * x.column(group * depth + c)[first + from];
              }
            }
            y.column(n)[first + place] = activate(layer.activation, sum);
          }
        }
      }
    });
    return y;
  }

  Columns run_layers(const PackedBatch& batch) {
    Columns x = embed(batch);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const bool convolved = i == 0 && network.convolution.exists();
      const Columns convolution = convolved ? convolve(batch, x) : Columns(0, 0);
      run_block(network.layer(i), batch, x);
      if (convolved) {
        add(x, convolution);
        norm(network.convolution.norm, x);
      }
    }
    norm(network.final_norm, x);
    return x;
  }

  Columns pool_rows(const PackedBatch& batch, const Columns& x) const {
    Columns pooled(x.width(), static_cast<std::size_t>(batch.sequences()));
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const int32_t first = batch.cu_seqlens[at];
      const int32_t length = batch.length(i);
      const bool mean = network.pooling == Pooling::kMean;
      const int32_t begin =
          mean ? 0 : pooled_place(network, {batch.input_ids.data() + first, static_cast<std::size_t>(length)});
      const int32_t end = mean ? length : begin + 1;
      for (int32_t c = 0; c < x.width(); ++c) {
        double sum = 0;
        for (int32_t place = begin; place < end; ++place) sum += x.column(c)[first + place];
        pooled.column(c)[at] = sum / (end - begin);
      }
    }
    return pooled;
  }

  const Network network;
  const WeightSource source;
  ThreadPool pool;
};

ReferenceModel::ReferenceModel(const Network& network, WeightSource source, int32_t threads)
    : state_(new State{network, std::move(source), ThreadPool(threads)}) {}

ReferenceModel::~ReferenceModel() = default;

void ReferenceModel::run(const PackedBatch& batch, std::span<double> logits) {
  State& state = *state_;
  check_batch(batch, state.network, logits.size());
  Columns pooled = state.pool_rows(batch, state.run_layers(batch));
  for (const HeadStep& step : state.network.head) {
    pooled = state.dense(step.dense, pooled, step.activation);
    state.norm(step.norm, pooled);
  }
  const auto outputs = static_cast<std::size_t>(state.network.outputs);
  for (std::size_t i = 0; i < pooled.rows; ++i) {
    for (std::size_t c = 0; c < outputs; ++c) logits[i * outputs + c] = pooled.column(static_cast<int32_t>(c))[i];
  }
}

}  // namespace paceline
