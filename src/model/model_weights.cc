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
  int32_t count = 0;        // rows from the first on; 0: all
  bool transposed = false;  // the rows become the depth; there is no bias then

  int32_t rows() const { return count == 0 ? dense->out : count; }
  int32_t outputs() const { return transposed ? dense->in : rows(); }
  int32_t depth() const { return transposed ? rows() : dense->in; }
};

/// A piece of work for one thread: either a packed layer or a table of rows.
struct Job {
  PackedDense* packed = nullptr;
  NumberType type = NumberType::kFp32;
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

void scale(std::span<float> values, float factor) {
  if (factor == 1) return;
  for (float& value : values) value *= factor;
}

/// The part's biases, one for each of its outputs.
std::vector<float> read_bias(const DensePart& part, const WeightSource& source) {
  const auto outputs = static_cast<std::size_t>(part.outputs());
  if (part.transposed || part.dense->bias.name.empty()) return std::vector<float>(outputs, 0.0F);
  const std::vector<float> all = weight_values(source, part.dense->bias);
  const auto first = all.begin() + part.first;
  std::vector<float> bias(first, first + part.outputs());
  scale(bias, part.factor);
  return bias;
}

/// Rows [first, first + columns) of a part's matrix as it is packed, [columns, depth].
void read_rows(const DensePart& part, const WeightSource& source, int32_t first, int32_t columns,
               std::span<float> rows) {
  const TensorView& stored = source(part.dense->weight);
  const int64_t in = part.dense->in;
  const auto depth = static_cast<std::size_t>(part.depth());
  if (!part.transposed) {
    convert_to_float(stored, (int64_t{part.first} + first) * in, rows);
  } else {
    std::vector<float> column(static_cast<std::size_t>(columns));
    for (std::size_t k = 0; k < depth; ++k) {
      convert_to_float(stored, (part.first + static_cast<int64_t>(k)) * in + first, column);
      for (std::size_t c = 0; c < column.size(); ++c) rows[c * depth + k] = column[c];
    }
  }
  scale(rows, part.factor);
}

void pack(const Job& job, const WeightSource& source, const Kernels& kernels) {
  std::vector<int32_t> outputs;
  std::vector<std::vector<float>> biases;
  for (const DensePart& part : job.parts) {
    outputs.push_back(part.outputs());
    biases.push_back(read_bias(part, source));
  }
  const int32_t depth = job.parts.front().depth();
  *job.packed = PackedDense(kernels, job.type, depth, outputs);
  std::vector<float> rows(static_cast<std::size_t>(kernels.panel_columns) * static_cast<std::size_t>(depth));
  for (int32_t i = 0; i < static_cast<int32_t>(job.packed->panels().size()); ++i) {
    const PackedDense::Origin origin = job.packed->origins()[static_cast<std::size_t>(i)];
    const int32_t columns = job.packed->panels()[static_cast<std::size_t>(i)].columns;
    const auto part = static_cast<std::size_t>(origin.part);
    read_rows(job.parts[part], source, origin.first, columns,
              std::span(rows).first(static_cast<std::size_t>(columns) * static_cast<std::size_t>(depth)));
    job.packed->fill(
        i, {rows.data(), static_cast<std::size_t>(depth)},
        std::span(biases[part]).subspan(static_cast<std::size_t>(origin.first), static_cast<std::size_t>(columns)));
  }
}

void read_table(const Job& job, const WeightSource& source) {
  const TensorView& tensor = source(*job.table_weight);
  *job.table = AlignedBuffer(static_cast<std::size_t>(tensor.elements()) * sizeof(float));
  convert_to_float(tensor, 0, job.table->as<float>());
}

void add_pooled_attention(const SelfAttention& attention, float query_factor, NumberType type,
                          PooledAttentionWeights& weights, std::vector<Job>& jobs) {
  jobs.push_back({.packed = &weights.query, .type = type, .parts = {{&attention.query, query_factor}}});
  weights.keys.resize(static_cast<std::size_t>(attention.heads));
  weights.values.resize(static_cast<std::size_t>(attention.heads));
  for (int32_t head = 0; head < attention.heads; ++head) {
    const int32_t first = head * attention.head_dim;
    const auto i = static_cast<std::size_t>(head);
    jobs.push_back(
        {.packed = &weights.keys[i],
         .type = type,
         .parts = {{.dense = &attention.key, .first = first, .count = attention.head_dim, .transposed = true}}});
    jobs.push_back({.packed = &weights.values[i],
                    .type = type,
                    .parts = {{.dense = &attention.value, .first = first, .count = attention.head_dim}}});
  }
}

/// `last`: its attention is pooled.
void add_block(const Block& block, const WeightSource& source, bool last, BlockWeights& weights, ModelWeights& all,
               std::vector<Job>& jobs) {
  const SelfAttention& attention = block.attention;
  const auto query_factor = static_cast<float>(attention.scale * std::numbers::log2e);
  if (!last) {
    jobs.push_back({.packed = &weights.query_key_value,
                    .type = all.type,
                    .parts = {{&attention.query, query_factor}, {&attention.key}, {&attention.value}}});
  } else {
    add_pooled_attention(attention, query_factor, all.narrow_type(), all.pooled_attention, jobs);
  }
  jobs.push_back({.packed = &weights.attention_output, .type = all.type, .parts = {{&attention.output}}});
  jobs.push_back({.packed = &weights.up, .type = all.type, .parts = {{&block.ffn.up}}});
  jobs.push_back({.packed = &weights.down, .type = all.type, .parts = {{&block.ffn.down}}});
  weights.activation = epilogue_of(block.ffn.activation);
  weights.attention_norm = read_norm(block.attention_norm, source);
  weights.ffn_norm = read_norm(block.ffn_norm, source);
  weights.heads = attention.heads;
  weights.head_dim = attention.head_dim;
}

}  // namespace

ModelWeights load_weights(const Network& network, const WeightSource& source, const Kernels& kernels, NumberType type,
                          ThreadPool& pool) {
  ModelWeights weights;
  weights.type = type;
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
    add_block(network.blocks[i], source, last, weights.blocks[i], weights, jobs);
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
        pack(jobs[i], source, kernels);
      } else {
        read_table(jobs[i], source);
      }
    }
  });
  return weights;
}

}  // namespace paceline
