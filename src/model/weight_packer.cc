#include "model/weight_packer.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "model/weight_check.h"
#include "network/dense_rows.h"

namespace paceline {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr int64_t kTablePiece = int64_t{1} << 16;  // values: 256 KiB, which are still in L2 when they are checked

std::size_t table_bytes(int64_t values) {
  return (static_cast<std::size_t>(values) * sizeof(float) + kCacheLine - 1) / kCacheLine * kCacheLine;
}

/// A bias for each output of the part. A bias that is not wanted is checked all the same.
std::vector<float> read_bias(const DensePart& part, const WeightSource& source) {
  std::vector<float> bias(static_cast<std::size_t>(part.outputs()), 0.0F);
  if (part.added_bias != nullptr) bias = finite_values(source, *part.added_bias, part.factor);
  if (!part.dense->bias.exists()) return bias;
  const std::vector<float> all = finite_values(source, part.dense->bias, part.factor);
  if (!part.transposed) {
    const float* own = all.data() + part.dense->first + part.first;
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += own[i];
  }
  return bias;
}

}  // namespace

void WeightPacker::add_layer(PackedDense& layer, NumberType type, std::vector<DensePart> parts) {
  std::vector<int32_t> outputs;
  std::vector<std::vector<float>> biases;
  for (const DensePart& part : parts) {
    outputs.push_back(part.outputs());
    biases.push_back(read_bias(part, source_));
    const bool in_pieces = part.transposed || part.dense->transposed;
    if (in_pieces && source_(part.dense->weight).file != nullptr) wholes_[part.dense->weight.name];
  }
  layer = PackedDense(kernels_, type, parts.front().depth(), outputs);
  panel_floats_ = std::max(panel_floats_,
                           static_cast<std::size_t>(kernels_.panel_columns) * static_cast<std::size_t>(layer.depth()));
  layers_.push_back({&layer, std::move(parts), std::move(biases)});
}

void WeightPacker::add_table(std::span<const float>& table, const Weight& weight) {
  tables_.push_back({.place = &table, .weight = &weight, .values = {}});
}

AlignedBuffer WeightPacker::pack(ThreadPool& pool) {
  AlignedBuffer memory = place();
  const std::vector<Piece> all = pieces();
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> refused{all.size()};  // the first piece with a number that is not finite
  pool.run([&](int) {
    std::vector<float> rows(panel_floats_);
    for (std::size_t i = next++; i < refused; i = next++) {
      if (!pack_piece(all[i], rows)) {
        std::size_t first = refused;
        while (i < first && !refused.compare_exchange_weak(first, i)) continue;
      }
    }
  });
  if (refused < all.size()) throw_for(all[refused]);
  return memory;
}

AlignedBuffer WeightPacker::place() {
  std::size_t bytes = 0;
  for (const Table& table : tables_) bytes += table_bytes(source_(*table.weight).elements());
  for (const Layer& layer : layers_) bytes += layer.packed->bytes();
  AlignedBuffer memory(bytes);
  std::byte* at = memory.data();
  for (Table& table : tables_) {
    const int64_t values = source_(*table.weight).elements();
    table.values = {reinterpret_cast<float*>(at), static_cast<std::size_t>(values)};
    *table.place = table.values;
    at += table_bytes(values);
  }
  for (const Layer& layer : layers_) {
    layer.packed->place(at);
    at += layer.packed->bytes();
  }
  return memory;
}

const DensePart& WeightPacker::part_of(const Layer& layer, int64_t panel) {
  return layer.parts[static_cast<std::size_t>(layer.packed->origins()[static_cast<std::size_t>(panel)].part)];
}

/// Null for a tensor that is read panel by panel.
WeightPacker::Whole* WeightPacker::whole_of(const DensePart& part) {
  const auto found = wholes_.find(part.dense->weight.name);
  return found == wholes_.end() ? nullptr : &found->second;
}

std::vector<WeightPacker::Piece> WeightPacker::pieces() {
  std::vector<Piece> all;
  for (const Table& table : tables_) {
    const auto values = static_cast<int64_t>(table.values.size());
    for (int64_t first = 0; first < values; first += kTablePiece) {
      const int64_t count = std::min(kTablePiece, values - first);
      all.push_back({.table = &table, .first = first, .values = static_cast<std::size_t>(count)});
    }
  }
  for (const Layer& layer : layers_) {
    const auto panels = static_cast<int64_t>(layer.packed->panels().size());
    for (int64_t panel = 0; panel < panels; ++panel) {
      if (Whole* whole = whole_of(part_of(layer, panel))) ++whole->panels;
      all.push_back({.layer = &layer, .first = panel});
    }
  }
  return all;
}

bool WeightPacker::pack_piece(const Piece& piece, std::span<float> rows) {
  if (piece.table != nullptr) return read_values(*piece.table, piece.first, piece.values);
  return pack_panel(*piece.layer, static_cast<int32_t>(piece.first), rows);
}

bool WeightPacker::read_values(const Table& table, int64_t first, std::size_t count) const {
  const std::span<float> values = table.values.subspan(static_cast<std::size_t>(first), count);
  convert_to_float(source_(*table.weight), first, values);
  return stay_finite(values, NumberType::kFp32);
}

bool WeightPacker::pack_panel(const Layer& layer, int32_t panel, std::span<float> rows) {
  PackedDense& packed = *layer.packed;
  const PackedDense::Origin origin = packed.origins()[static_cast<std::size_t>(panel)];
  const int32_t columns = packed.panels()[static_cast<std::size_t>(panel)].columns;
  const auto part = static_cast<std::size_t>(origin.part);
  const auto depth = static_cast<std::size_t>(packed.depth());
  rows = rows.first(static_cast<std::size_t>(columns) * depth);
  const TensorView& stored = source_(layer.parts[part].dense->weight);
  if (Whole* whole = whole_of(layer.parts[part])) {
    {
      const std::lock_guard lock(whole->mutex);
      if (whole->tensor.bytes.empty()) whole->tensor = copy_to_memory(stored, whole->values);
    }
    read_rows(whole->tensor, layer.parts[part], origin.first, columns, rows);
    if (--whole->panels == 0) whole->values = {};
  } else {
    read_rows(stored, layer.parts[part], origin.first, columns, rows);
  }
  if (!stay_finite(rows, packed.type())) return false;
  packed.fill(
      panel, {rows.data(), depth},
      std::span(layer.biases[part]).subspan(static_cast<std::size_t>(origin.first), static_cast<std::size_t>(columns)));
  return true;
}

/// Rows [first, first + columns) of a part's matrix as it is packed, [columns, depth].
void WeightPacker::read_rows(const TensorView& stored, const DensePart& part, int32_t first, int32_t columns,
                             std::span<float> rows) {
  if (!part.transposed) {
    read_dense_rows(stored, *part.dense, part.first + first, columns, rows);
  } else {
    const auto depth = static_cast<std::size_t>(part.depth());
    std::vector<float> output(static_cast<std::size_t>(part.dense->in));
    for (std::size_t k = 0; k < depth; ++k) {
      read_dense_rows(stored, *part.dense, part.first + static_cast<int32_t>(k), 1, output);
      for (std::size_t c = 0; c < static_cast<std::size_t>(columns); ++c) {
        rows[c * depth + k] = output[static_cast<std::size_t>(first) + c];
      }
    }
  }
  if (part.factor == 1) return;
  for (float& value : rows) value *= part.factor;
}

void WeightPacker::throw_for(const Piece& piece) const {
  if (piece.table != nullptr)
    throw_not_finite(*piece.table->weight, source_(*piece.table->weight), 1, NumberType::kFp32);
  const PackedDense& packed = *piece.layer->packed;
  const auto part = static_cast<std::size_t>(packed.origins()[static_cast<std::size_t>(piece.first)].part);
  const DensePart& dense = piece.layer->parts[part];
  throw_not_finite(dense.dense->weight, source_(dense.dense->weight), dense.factor, packed.type());
}

}  // namespace paceline
