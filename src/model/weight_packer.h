#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

/// One weight matrix [out, in] of a packed layer, or some of its rows.
struct DensePart {
  const Dense* dense = nullptr;
  float factor = 1;  ///< of weights and bias
  int32_t first = 0;
  int32_t count = 0;                   ///< rows from the first on; 0: all
  bool transposed = false;             ///< the rows become the depth, and there is no bias
  const Weight* added_bias = nullptr;  ///< to the layer's own, which it may lack; not where rows are picked

  int32_t rows() const { return count == 0 ? dense->out : count; }
  int32_t outputs() const { return transposed ? dense->in : rows(); }
  int32_t depth() const { return transposed ? rows() : dense->in; }
};

/// Brings the weights of a network into one block of memory, in huge pages without a gap. They are announced first, so
/// that their sizes are known; then all threads take panel after panel, each through one panel of fp32 of its own.
/// Nothing but finite numbers is let through.
class WeightPacker {
 public:
  /// Both outlive this, as does everything that is announced.
  WeightPacker(const WeightSource& source, const Kernels& kernels) : source_(source), kernels_(kernels) {}

  /// Lays out a layer of parts of one depth and reads their biases. Throws as finite_values.
  void add_layer(PackedDense& layer, NumberType type, std::vector<DensePart> parts);
  /// `table` becomes the weight's values in fp32.
  void add_table(std::span<const float>& table, const Weight& weight);

  /// The memory in which all layers and tables are from now on.
  /// Throws as throw_not_finite, of several weights always for the same; Error{resource_exhausted} without enough
  /// memory.
  AlignedBuffer pack(ThreadPool& pool);

 private:
  struct Layer {
    PackedDense* packed = nullptr;
    std::vector<DensePart> parts;
    std::vector<std::vector<float>> biases;  // of each part
  };
  struct Table {
    std::span<const float>* place = nullptr;
    const Weight* weight = nullptr;
    std::span<float> values;
  };
  /// What a thread takes at once: a panel of a layer, or some values of a table.
  struct Piece {
    const Layer* layer = nullptr;
    const Table* table = nullptr;
    int64_t first = 0;       // panel or value
    std::size_t values = 0;  // of a table
  };
  /// A tensor of a file whose rows are not those of the layer: a panel takes a little of each. It is read once and in
  /// memory from the first panel of it to the last.
  struct Whole {
    std::mutex mutex;
    std::vector<float> values;
    TensorView tensor;
    std::atomic<int> panels{0};  // that are still to be packed
  };

  AlignedBuffer place();
  /// Counts the panels of each tensor in `wholes_`.
  std::vector<Piece> pieces();
  /// These say whether all weights were finite. `rows` has room for any panel.
  bool pack_piece(const Piece& piece, std::span<float> rows);
  bool pack_panel(const Layer& layer, int32_t panel, std::span<float> rows);
  bool read_values(const Table& table, int64_t first, std::size_t count) const;
  static const DensePart& part_of(const Layer& layer, int64_t panel);
  Whole* whole_of(const DensePart& part);
  static void read_rows(const TensorView& stored, const DensePart& part, int32_t first, int32_t columns,
                        std::span<float> rows);
  [[noreturn]] void throw_for(const Piece& piece) const;

  const WeightSource& source_;
  const Kernels& kernels_;
  std::vector<Layer> layers_;
  std::vector<Table> tables_;
  std::map<std::string, Whole, std::less<>> wholes_;  // by the weight's name
  std::size_t panel_floats_ = 0;                      // of the largest panel
};

}  // namespace paceline
