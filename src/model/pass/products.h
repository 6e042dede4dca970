#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/norm_weights.h"
#include "model/pass/pass_memory.h"
#include "model/pass/pass_part.h"
#include "model/pass/pass_rows.h"
#include "model/stage_clock.h"

namespace paceline {

/// What a product reads and writes, from its first row on, and how it ends.
struct Product {
  ConstNumberRows in{};
  Rows out{};
  NumberRows out_bf16{};  ///< instead of out
  int32_t rows = 0;
  Epilogue epilogue = Epilogue::kStore;
  bool split_columns = false;         ///< this thread makes its share of the panels only
  const PackedDense* next = nullptr;  ///< the layer whose weights come after
  Stage stage = Stage::kPooledAttention;
};

/// The products of one thread's part, and what prepares the rows that they read. Each call marks its stage.
class Products {
 public:
  explicit Products(const PassPart& part) : part_(part) {}

  void multiply(const PackedDense& dense, const Product& product) const;

  /// LayerNorm of some rows and, rounded, where the next product reads them.
  void normalise(Rows rows, Rows out, NumberRows rounded, Range range, const NormWeights& norm) const;

  /// Makes some rows what the next product reads; a norm that does not exist changes nothing.
  void close(const Residual& residual, Range range, const NormWeights& norm) const;

  /// Fp32 rows to where products of `type` read them; in fp32 they do so where they are.
  void round(NumberType type, Rows rows, NumberRows rounded, Range range, int32_t columns) const;

 private:
  const PassPart& part_;
};

}  // namespace paceline
