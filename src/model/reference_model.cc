#include "model/reference_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/thread_pool.h"
#include "batch/check_batch.h"
#include "network/position_rows.h"

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
  int32_t width() const { return static_cast<int32_t>(values.size() / stride); }

  std::size_t rows;
  std::size_t stride;
  std::vector<double> values;
};

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
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

}  // namespace

struct ReferenceModel::State {
  Columns dense(const Dense& layer, const Columns& x, Activation activation) {
    Columns y(layer.out, x.rows);
    const TensorView& weight = source(layer.weight);
    const std::vector<float> bias = layer.bias.name.empty()
                                        ? std::vector<float>(static_cast<std::size_t>(layer.out), 0.0F)
                                        : weight_values(source, layer.bias);
    pool.run([&](int thread) {
      std::vector<float> row(static_cast<std::size_t>(layer.in));
      for (int32_t n = thread; n < layer.out; n += pool.size()) {
        convert_to_float(weight, int64_t{n} * layer.in, row);
        dot_column(x, row, static_cast<double>(bias[static_cast<std::size_t>(n)]), y.column(n));
        for (std::size_t i = 0; i < y.rows; ++i) y.column(n)[i] = activate(activation, y.column(n)[i]);
      }
    });
    return y;
  }

  void norm(const LayerNorm& layer, Columns& x) const {
    normalise(x, weight_values(source, layer.scale), weight_values(source, layer.bias), layer.epsilon);
  }

  void add_row(const Weight& table, int32_t row, std::vector<float>& buffer, Columns& x, std::size_t token) const {
    convert_to_float(source(table), int64_t{row} * x.width(), buffer);
    for (int32_t c = 0; c < x.width(); ++c)
      x.column(c)[token] += static_cast<double>(buffer[static_cast<std::size_t>(c)]);
  }

  Columns embed(const PackedBatch& batch) const {
    const Embeddings& embeddings = network.embeddings;
    Columns x(network.hidden_size, static_cast<std::size_t>(batch.tokens()));
    std::vector<float> buffer(static_cast<std::size_t>(network.hidden_size));
    for (int32_t sequence = 0; sequence < batch.sequences(); ++sequence) {
      const int32_t first = batch.cu_seqlens[static_cast<std::size_t>(sequence)];
      PositionRows position_rows(embeddings);
      for (int32_t place = 0; place < batch.length(sequence); ++place) {
        const auto token = static_cast<std::size_t>(first + place);
        add_row(embeddings.words, batch.input_ids[token], buffer, x, token);
        add_row(embeddings.positions, position_rows.next(batch.input_ids[token]), buffer, x, token);
        const int32_t type = batch.token_type_ids.empty() ? 0 : batch.token_type_ids[token];
        if (!embeddings.token_types.name.empty()) add_row(embeddings.token_types, type, buffer, x, token);
      }
    }
    norm(embeddings.norm, x);
    return x;
  }

  struct Projections {
    Columns query, key, value;
  };

  /// Rows of one sequence.
  struct Sequence {
    std::size_t first = 0;
    std::size_t length = 0;
  };

  static void attend(const SelfAttention& layer, int32_t head, Sequence rows, const Projections& in, Columns& out) {
    const auto [first, length] = rows;
    std::vector<double> weights(length);
    const int32_t begin = head * layer.head_dim;
    const int32_t end = begin + layer.head_dim;
    for (std::size_t i = first; i < first + length; ++i) {
      std::fill(weights.begin(), weights.end(), 0.0);
      for (int32_t d = begin; d < end; ++d) {
        const double* keys = in.key.column(d) + first;
        for (std::size_t j = 0; j < length; ++j) weights[j] += in.query.column(d)[i] * keys[j];
      }
      const double highest = *std::max_element(weights.begin(), weights.end());
      double total = 0;
      for (double& weight : weights) total += weight = std::exp((weight - highest) * layer.scale);
      for (int32_t d = begin; d < end; ++d) {
        const double* values = in.value.column(d) + first;
        double mixed = 0;
        for (std::size_t j = 0; j < length; ++j) mixed += weights[j] * values[j];
        out.column(d)[i] = mixed / total;
      }
    }
  }

  void run_block(const Block& block, const PackedBatch& batch, Columns& x) {
    const SelfAttention& attention = block.attention;
    const Projections in{dense(attention.query, x, Activation::kNone), dense(attention.key, x, Activation::kNone),
                         dense(attention.value, x, Activation::kNone)};
    Columns mixed(attention.heads * attention.head_dim, x.rows);
    pool.run([&](int thread) {
      for (int32_t head = thread; head < attention.heads; head += pool.size()) {
        for (int32_t i = 0; i < batch.sequences(); ++i) {
          const auto first = static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(i)]);
          attend(attention, head, {first, static_cast<std::size_t>(batch.length(i))}, in, mixed);
        }
      }
    });
    add(x, dense(attention.output, mixed, Activation::kNone));
    norm(block.attention_norm, x);
    add(x, dense(block.ffn.down, dense(block.ffn.up, x, block.ffn.activation), Activation::kNone));
    norm(block.ffn_norm, x);
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
  Columns x = state.embed(batch);
  for (std::size_t i = 0; i < state.network.layers.size(); ++i) state.run_block(state.network.layer(i), batch, x);
  const auto sequences = static_cast<std::size_t>(batch.sequences());
  Columns pooled(x.width(), sequences);
  for (int32_t c = 0; c < x.width(); ++c) {
    for (std::size_t i = 0; i < sequences; ++i) pooled.column(c)[i] = x.column(c)[batch.cu_seqlens[i]];
  }
  for (const HeadStep& step : state.network.head) pooled = state.dense(step.dense, pooled, step.activation);
  const auto outputs = static_cast<std::size_t>(state.network.outputs);
  for (std::size_t i = 0; i < sequences; ++i) {
    for (std::size_t c = 0; c < outputs; ++c) logits[i * outputs + c] = pooled.column(static_cast<int32_t>(c))[i];
  }
}

}  // namespace paceline
