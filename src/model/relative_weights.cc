#include "model/relative_weights.h"

#include <algorithm>
#include <numbers>
#include <span>
#include <utility>

#include "model/weight_check.h"
#include "model/weight_packer.h"
#include "network/relative_rows.h"

namespace paceline {
namespace {

/// A matrix [rows, width] without gaps.
struct Table {
  std::vector<float> values;
  std::size_t width = 0;

  std::size_t rows() const { return values.size() / width; }
  float* row(std::size_t index) { return values.data() + index * width; }
};

std::vector<float> values_or_zeros(const WeightSource& source, const Weight& weight, std::size_t count) {
  return weight.exists() ? finite_values(source, weight) : std::vector<float>(count, 0.0F);
}

/// rows W^T + b, times `factor`; W's own rows are packed for it.
Table project(const Dense& dense, float factor, std::span<const float> rows, const WeightSource& source,
              const Kernels& kernels) {
  PackedDense packed;
  WeightPacker packer(source, kernels);
  packer.add_layer(packed, NumberType::kFp32, {{&dense, factor}});
  ThreadPool alone(1);
  const AlignedBuffer memory = packer.pack(alone);
  const auto depth = static_cast<std::size_t>(dense.in);
  const std::size_t count = rows.size() / depth;
  Table made{.values = std::vector<float>(count * static_cast<std::size_t>(packed.width())),
             .width = static_cast<std::size_t>(packed.width())};
  const auto* in = reinterpret_cast<const std::byte*>(rows.data());
  kernels.of(NumberType::kFp32)
      .dense({.in = {in, depth * sizeof(float), nullptr},
              .rows = static_cast<int32_t>(count),
              .depth = dense.in,
              .panels = packed.panels().data(),
              .panel_count = static_cast<int32_t>(packed.panels().size()),
              .out = {made.values.data(), made.width}});
  return made;
}

/// Columns of head `head` of each row of `table` as a layer of its own, [D -> rows]. `bias`: of each row.
PackedDense pack_head(Table& table, const SelfAttention& attention, int32_t head, std::span<const float> bias,
                      const Kernels& kernels, NumberType type) {
  const auto outputs = static_cast<int32_t>(table.rows());
  PackedDense packed(kernels, type, attention.head_dim, std::span(&outputs, 1));
  packed.allocate();
  for (int32_t i = 0; i < static_cast<int32_t>(packed.panels().size()); ++i) {
    const auto first = static_cast<std::size_t>(packed.origins()[static_cast<std::size_t>(i)].first);
    const auto columns = static_cast<std::size_t>(packed.panels()[static_cast<std::size_t>(i)].columns);
    packed.fill(i, {table.row(first) + int64_t{head} * attention.head_dim, table.width}, bias.subspan(first, columns));
  }
  return packed;
}

/// Each head's (bias - content bias) . row, [rows]: what the query lacks, which carries the content bias already.
std::vector<float> missing_bias(Table& table, const SelfAttention& attention, int32_t head, const Weight& bias,
                                const WeightSource& source) {
  const auto width = static_cast<std::size_t>(attention.heads) * static_cast<std::size_t>(attention.head_dim);
  const std::vector<float> wanted = values_or_zeros(source, bias, width);
  const std::vector<float> held = values_or_zeros(source, attention.content_bias, width);
  std::vector<float> sums(table.rows());
  for (std::size_t row = 0; row < sums.size(); ++row) {
    double sum = 0;
    for (int32_t d = head * attention.head_dim; d < (head + 1) * attention.head_dim; ++d) {
      const auto at = static_cast<std::size_t>(d);
      sum += (static_cast<double>(wanted[at]) - static_cast<double>(held[at])) * static_cast<double>(table.row(row)[d]);
    }
    sums[row] = static_cast<float>(sum);
  }
  return sums;
}

void scale(std::vector<float>& values, float factor) {
  for (float& value : values) value *= factor;
}

}  // namespace

std::size_t PositionHeads::bytes() const {
  std::size_t sum = 0;
  for (const auto* layers : {&keys, &queries, &segments}) {
    for (const PackedDense& layer : *layers) sum += layer.bytes();
  }
  return sum;
}

RelativeWeights load_relative_weights(const Network& network, const WeightSource& source) {
  const RelativePositions& relative = network.relative;
  RelativeWeights weights;
  weights.max_tokens = network.max_tokens;
  if (relative.kind == RelativeKind::kNone) return weights;
  if (relative.kind == RelativeKind::kSinusoid) {
    for (int32_t i = 0; i < 2 * network.max_tokens - 1; ++i) weights.columns.push_back(i);
    return weights;
  }
  const std::vector<int32_t> rows = relative_rows(relative, network.max_tokens);
  if (relative.kind == RelativeKind::kLearned) {  // the row falls with the distance
    for (const int32_t row : rows) weights.columns.push_back(2 * relative.span - 1 - row);
    return weights;
  }
  const std::vector<float> table = finite_values(source, relative.table, static_cast<float>(std::numbers::log2e));
  const auto heads = static_cast<std::size_t>(relative.table.shape.back());
  for (std::size_t head = 0; head < heads; ++head) {
    for (const int32_t row : rows) weights.distance_bias.push_back(table[static_cast<std::size_t>(row) * heads + head]);
  }
  return weights;
}

std::vector<float> position_rows(const Network& network, const WeightSource& source, const Kernels& kernels) {
  const RelativePositions& relative = network.relative;
  const auto width = static_cast<std::size_t>(network.hidden_size);
  if (relative.kind == RelativeKind::kSinusoid) return sinusoid_rows(relative, network.max_tokens, network.hidden_size);
  std::vector<float> rows = finite_values(source, relative.table);
  const std::size_t count = 2 * static_cast<std::size_t>(relative.span);
  rows.resize(count * width);
  if (relative.norm.exists()) {
    const std::vector<float> scale = finite_values(source, relative.norm.scale);
    const std::vector<float> bias = values_or_zeros(source, relative.norm.bias, width);
    kernels.of(NumberType::kFp32)
        .layer_norm({.in = {rows.data(), width},
                     .out = {rows.data(), width},
                     .count = static_cast<int32_t>(count),
                     .columns = network.hidden_size,
                     .scale = scale.data(),
                     .bias = bias.data(),
                     .epsilon = static_cast<float>(relative.norm.epsilon)});
  }
  for (std::size_t row = 0; row < count / 2; ++row) {
    std::swap_ranges(rows.begin() + static_cast<std::ptrdiff_t>(row * width),
                     rows.begin() + static_cast<std::ptrdiff_t>((row + 1) * width),
                     rows.begin() + static_cast<std::ptrdiff_t>((count - 1 - row) * width));
  }
  return rows;
}

PositionHeads load_position_heads(const SelfAttention& attention, const std::vector<float>& rows,
                                  const WeightSource& source, const Kernels& kernels, NumberType type) {
  PositionHeads heads;
  const auto factor = static_cast<float>(attention.scale * std::numbers::log2e);
  if (attention.position_key.exists()) {
    Table keys = project(attention.position_key, 1, rows, source, kernels);
    for (int32_t head = 0; head < attention.heads; ++head) {
      std::vector<float> bias = missing_bias(keys, attention, head, attention.position_bias, source);
      scale(bias, factor);
      heads.keys.push_back(pack_head(keys, attention, head, bias, kernels, type));
    }
  }
  if (attention.position_query.exists()) {
    Table queries = project(attention.position_query, factor, rows, source, kernels);
    const std::vector<float> none(queries.rows(), 0.0F);
    for (int32_t head = 0; head < attention.heads; ++head) {
      heads.queries.push_back(pack_head(queries, attention, head, none, kernels, type));
    }
  }
  if (attention.segments.exists()) {
    Table segments{.values = finite_values(source, attention.segments),
                   .width = static_cast<std::size_t>(attention.heads) * static_cast<std::size_t>(attention.head_dim)};
    for (int32_t head = 0; head < attention.heads; ++head) {
      std::vector<float> bias = missing_bias(segments, attention, head, attention.segment_bias, source);
      scale(bias, factor);
      heads.segments.push_back(pack_head(segments, attention, head, bias, kernels, type));
    }
  }
  return heads;
}

}  // namespace paceline
