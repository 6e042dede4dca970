#include "model/model_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <numbers>
#include <string>

#include "paceline/error.h"

namespace paceline {
namespace {

/// One weight matrix [out, depth] of a packed layer, or some of its rows.
struct DensePart {
  const Dense* dense = nullptr;
  float factor = 1;  // of weights and bias
  int32_t first = 0;
  int32_t count = 0;        // 0: all rows
  bool transposed = false;  // the rows become columns; there is no bias then
  int32_t rows() const { return count == 0 ? dense->out : count; }
};

/// A piece of work for one thread: either a packed layer or a table of rows.
struct Job {
  PackedDense* packed = nullptr;
  std::vector<DensePart> parts{};
  AlignedBuffer* table = nullptr;
  const Weight* table_weight = nullptr;
};

Epilogue epilogue_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return Epilogue::kStore;
    case Activation::kGelu:
      return Epilogue::kGelu;
    case Activation::kTanh:
      return Epilogue::kTanh;
    case Activation::kRelu:
      return Epilogue::kRelu;
  }
  throw Error(ErrorCode::kUnsupported, fmt::format("[native] activation {} has no kernel. Use another backend.",
                                                   std::string(activation_name(activation))));
}

NormWeights read_norm(const LayerNorm& norm, const WeightSource& source) {
  return {.scale = weight_values(source, norm.scale),
          .bias = weight_values(source, norm.bias),
          .epsilon = static_cast<float>(norm.epsilon)};
}

std::vector<float> read_bias(const Dense& dense, const WeightSource& source) {
  if (dense.bias.name.empty()) return std::vector<float>(static_cast<std::size_t>(dense.out), 0.0F);
  return weight_values(source, dense.bias);
}

void scale(std::span<float> values, float factor) {
  if (factor == 1) return;
  for (float& value : values) value *= factor;
}

/// The transposed rows of a part as a layer without bias: [count -> in].
void pack_transposed(const Job& job, const WeightSource& source, const Kernels& kernels) {
  const DensePart& part = job.parts.front();
  const auto in = static_cast<std::size_t>(part.dense->in);
  const auto depth = static_cast<std::size_t>(part.rows());
  std::vector<float> rows(depth * in);
  convert_to_float(source(part.dense->weight), int64_t{part.first} * part.dense->in, rows);
  std::vector<float> columns(in * depth);
  for (std::size_t r = 0; r < depth; ++r) {
    for (std::size_t c = 0; c < in; ++c) columns[c * depth + r] = rows[r * in + c] * part.factor;
  }
  const int32_t outputs[] = {part.dense->in};
  *job.packed = PackedDense(kernels, part.rows(), outputs);
  const std::vector<float> no_bias(static_cast<std::size_t>(kernels.panel_columns), 0.0F);
  for (int32_t i = 0; i < static_cast<int32_t>(job.packed->panels().size()); ++i) {
    const auto first = static_cast<std::size_t>(job.packed->origins()[static_cast<std::size_t>(i)].first);
    const auto count = static_cast<std::size_t>(job.packed->panels()[static_cast<std::size_t>(i)].columns);
    job.packed->fill(i, {columns.data() + first * depth, depth}, std::span(no_bias).first(count));
  }
}

void pack(const Job& job, const WeightSource& source, const Kernels& kernels) {
  std::vector<int32_t> outputs;
  std::vector<std::vector<float>> biases;
  for (const DensePart& part : job.parts) {
    outputs.push_back(part.rows());
    biases.push_back(read_bias(*part.dense, source));
    scale(biases.back(), part.factor);
  }
  const auto depth = static_cast<std::size_t>(job.parts.front().dense->in);
  *job.packed = PackedDense(kernels, static_cast<int32_t>(depth), outputs);
  std::vector<float> rows(static_cast<std::size_t>(kernels.panel_columns) * depth);
  for (int32_t i = 0; i < static_cast<int32_t>(job.packed->panels().size()); ++i) {
    const PackedDense::Origin origin = job.packed->origins()[static_cast<std::size_t>(i)];
    const auto columns = static_cast<std::size_t>(job.packed->panels()[static_cast<std::size_t>(i)].columns);
    const DensePart& part = job.parts[static_cast<std::size_t>(origin.part)];
    const auto first = static_cast<std::size_t>(part.first) + static_cast<std::size_t>(origin.first);
    const std::span<float> values = std::span(rows).first(columns * depth);
    convert_to_float(source(part.dense->weight), static_cast<int64_t>(first * depth), values);
    scale(values, part.factor);
    job.packed->fill(i, {rows.data(), depth},
                     std::span(biases[static_cast<std::size_t>(origin.part)]).subspan(first, columns));
  }
}

void read_table(const Job& job, const WeightSource& source) {
  const TensorView& tensor = source(*job.table_weight);
  *job.table = AlignedBuffer(static_cast<std::size_t>(tensor.elements()) * sizeof(float));
  convert_to_float(tensor, 0, job.table->as<float>());
}

void add_pooled_attention(const SelfAttention& attention, float query_factor, PooledAttentionWeights& weights,
                          std::vector<Job>& jobs) {
  jobs.push_back({.packed = &weights.query, .parts = {{&attention.query, query_factor}}});
  weights.keys.resize(static_cast<std::size_t>(attention.heads));
  weights.values.resize(static_cast<std::size_t>(attention.heads));
  for (int32_t head = 0; head < attention.heads; ++head) {
    const int32_t first = head * attention.head_dim;
    const auto i = static_cast<std::size_t>(head);
    jobs.push_back(
        {.packed = &weights.keys[i],
         .parts = {{.dense = &attention.key, .first = first, .count = attention.head_dim, .transposed = true}}});
    jobs.push_back({.packed = &weights.values[i],
                    .parts = {{.dense = &attention.value, .first = first, .count = attention.head_dim}}});
  }
}

/// `pooled`: where the attention goes if this is the last block, else null.
void add_block(const Block& block, const WeightSource& source, BlockWeights& weights, PooledAttentionWeights* pooled,
               std::vector<Job>& jobs) {
  const SelfAttention& attention = block.attention;
  const auto query_factor = static_cast<float>(attention.scale * std::numbers::log2e);
  if (pooled == nullptr) {
    jobs.push_back({.packed = &weights.query_key_value,
                    .parts = {{&attention.query, query_factor}, {&attention.key}, {&attention.value}}});
  } else {
    add_pooled_attention(attention, query_factor, *pooled, jobs);
  }
  jobs.push_back({.packed = &weights.attention_output, .parts = {{&attention.output}}});
  jobs.push_back({.packed = &weights.up, .parts = {{&block.ffn.up}}});
  jobs.push_back({.packed = &weights.down, .parts = {{&block.ffn.down}}});
  weights.activation = epilogue_of(block.ffn.activation);
  weights.attention_norm = read_norm(block.attention_norm, source);
  weights.ffn_norm = read_norm(block.ffn_norm, source);
  weights.heads = attention.heads;
  weights.head_dim = attention.head_dim;
}

}  // namespace

ModelWeights load_weights(const Network& network, const WeightSource& source, const Kernels& kernels,
                          ThreadPool& pool) {
  ModelWeights weights;
  std::vector<Job> jobs;
  const Embeddings& embeddings = network.embeddings;
  jobs.push_back({.table = &weights.words, .table_weight = &embeddings.words});  // the largest first
  jobs.push_back({.table = &weights.positions, .table_weight = &embeddings.positions});
  if (embeddings.token_types.name.empty()) {
    weights.token_types = AlignedBuffer(static_cast<std::size_t>(network.hidden_size) * sizeof(float));
  } else {
    jobs.push_back({.table = &weights.token_types, .table_weight = &embeddings.token_types});
  }
  weights.embedding_norm = read_norm(embeddings.norm, source);
  weights.blocks.resize(network.blocks.size());
  for (std::size_t i = 0; i < network.blocks.size(); ++i) {
    const bool last = i + 1 == network.blocks.size();
    add_block(network.blocks[i], source, weights.blocks[i], last ? &weights.pooled_attention : nullptr, jobs);
  }
  weights.head.resize(network.head.size());
  for (std::size_t i = 0; i < network.head.size(); ++i) {
    jobs.push_back({.packed = &weights.head[i].dense, .parts = {{&network.head[i].dense}}});
    weights.head[i].activation = epilogue_of(network.head[i].activation);
  }

  std::atomic<std::size_t> next{0};
  pool.run([&](int) {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      if (jobs[i].packed != nullptr) {
        (jobs[i].parts.front().transposed ? pack_transposed : pack)(jobs[i], source, kernels);
      } else {
        read_table(jobs[i], source);
      }
    }
  });
  return weights;
}

}  // namespace paceline
