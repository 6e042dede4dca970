#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"

namespace paceline {

/// The weights of a dense layer, or of several that read the same input, in the layout of one ISA level and in one
/// number type. Each part begins with a panel of its own, and at a cache line of the output row: for Q, K and V that is
/// [Q | gap | K | gap | V], without gaps where the parts are multiples of 16 wide.
class PackedDense {
 public:
  /// Which rows of which weight matrix a panel holds.
  struct Origin {
    int32_t part = 0;
    int32_t first = 0;  ///< row of the part's weight matrix [out, depth]
  };

  PackedDense() = default;
  /// Lays out the panels, whose memory comes by place() or allocate(). `outputs`: columns of each part.
  PackedDense(const Kernels& kernels, NumberType type, int32_t depth, std::span<const int32_t> outputs);

  NumberType type() const { return type_; }
  int32_t depth() const { return depth_; }
  /// Columns of an output row, gaps included.
  int32_t width() const { return width_; }
  /// First column of a part in the output row.
  int32_t column(int32_t part) const { return columns_[static_cast<std::size_t>(part)]; }
  std::span<const WeightPanel> panels() const { return panels_; }
  /// The panels of one part.
  std::span<const WeightPanel> panels(int32_t part) const;
  std::span<const Origin> origins() const { return origins_; }
  /// Of all panels; a multiple of a cache line.
  std::size_t bytes() const { return bytes_; }

  /// Puts the panels into bytes() zeroed bytes that outlive this, from a cache line on.
  void place(std::byte* memory);
  /// Puts the panels into memory of their own. Throws Error{resource_exhausted}.
  void allocate();

  /// Fills panel `index` from the rows that origins()[index] names, [columns, depth], and as many biases; rounds them
  /// to the number type. Panels may be filled from several threads at once.
  void fill(int32_t index, ConstRows rows, std::span<const float> bias);

 private:
  std::size_t panel_bytes(int32_t columns) const;
  template <class T>
  T* writable(const T* part);

  const Kernels* kernels_ = nullptr;
  NumberType type_ = NumberType::kFp32;
  int32_t depth_ = 0;
  int32_t width_ = 0;
  std::vector<int32_t> columns_;
  std::vector<int32_t> first_panels_;
  std::vector<WeightPanel> panels_;
  std::vector<Origin> origins_;
  std::size_t bytes_ = 0;
  std::byte* memory_ = nullptr;
  AlignedBuffer own_memory_;
};

}  // namespace paceline
