#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace paceline {

/// The arithmetic of a forward pass, once per ISA level. A level is one table of functions; everything above is written
/// once over this table. No function allocates, throws or keeps state; pointers need no alignment beyond float's.

/// A row-major fp32 matrix that somebody else owns; `stride` floats lead from one row to the next.
struct Rows {
  float* data = nullptr;
  std::size_t stride = 0;
  float* row(int64_t index) const { return data + index * static_cast<int64_t>(stride); }
};
struct ConstRows {
  ConstRows() = default;
  ConstRows(const float* rows, std::size_t row_stride) : data(rows), stride(row_stride) {}
  ConstRows(Rows rows) : data(rows.data), stride(rows.stride) {}  // NOLINT(google-explicit-constructor): adds const
  const float* row(int64_t index) const { return data + index * static_cast<int64_t>(stride); }

  const float* data = nullptr;
  std::size_t stride = 0;
};

/// What a dense layer does with y = x W^T + b before it is stored.
enum class Epilogue : uint8_t {
  kStore,  ///< out = y
  kAdd,    ///< out += y: the residual
  kGelu,   ///< out = gelu(y), the erf form, within 5e-7
  kTanh,   ///< out = tanh(y), within 5e-7
  kRelu,   ///< out = max(y, 0)
};

/// Some consecutive output columns of a dense layer in the layout of one ISA level. Columns are rounded up to the
/// level's lanes; what lies beyond `columns` is zero.
struct WeightPanel {
  const float* weights = nullptr;  ///< [depth][rounded columns]
  const float* bias = nullptr;     ///< [rounded columns]
  int32_t column = 0;              ///< the first column of the output that it makes
  int32_t columns = 0;             ///< at most the level's panel_columns
};

/// A product of `rows` rows with some panels of a dense layer. Every sum runs over the whole depth in order, so an
/// output depends on its own row alone, bit for bit, however rows and panels are divided.
struct DenseArgs {
  ConstRows in{};  ///< [rows, depth]
  int32_t rows = 0;
  int32_t depth = 0;
  const WeightPanel* panels = nullptr;
  int32_t panel_count = 0;
  Epilogue epilogue = Epilogue::kStore;
  Rows out{};                   ///< [rows, ...]; only the panels' columns are touched
  const float* next = nullptr;  ///< weights that are read after these, worth prefetching; may be null
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over each row, in place.
struct LayerNormArgs {
  Rows rows{};
  int32_t count = 0;    ///< rows
  int32_t columns = 0;  ///< at least 1
  const float* scale = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
};

/// out = a + b + c, element by element.
struct SumArgs {
  const float* a = nullptr;
  const float* b = nullptr;
  const float* c = nullptr;
  int32_t columns = 0;
  float* out = nullptr;
};

/// One head of one sequence: out = softmax2(q k^T) v, where softmax2 uses powers of two: the query carries the softmax
/// scale times log2(e).
struct AttentionArgs {
  ConstRows query{};  ///< [queries, head_dim]
  ConstRows key{};    ///< [tokens, head_dim]
  ConstRows value{};  ///< [tokens, head_dim]
  int32_t queries = 0;
  int32_t tokens = 0;
  int32_t head_dim = 0;
  Rows out{};                           ///< [queries, head_dim]; may be the query itself
  float* scratch = nullptr;             ///< attention_scratch(tokens, head_dim) floats
  const AttentionArgs* next = nullptr;  ///< the call that follows: its rows are worth prefetching; may be null
};

/// The kernels of one ISA level.
struct Kernels {
  std::string_view name;         ///< "avx512"
  std::string_view description;  ///< for people: instructions and tile
  bool (*supported)();           ///< by the CPU that runs this
  int32_t lanes;                 ///< columns of a panel are rounded up to these
  int32_t panel_columns;         ///< columns of a full panel, a multiple of lanes

  /// Lays out rows [columns, depth] of a weight matrix W [out, depth] as one panel.
  void (*pack_panel)(ConstRows rows, int32_t columns, int32_t depth, float* panel);
  void (*dense)(const DenseArgs& args);
  void (*layer_norm)(const LayerNormArgs& args);
  void (*sum)(const SumArgs& args);
  /// Any number of queries; each row's result is the same whatever other rows are asked for.
  void (*attention)(const AttentionArgs& args);
  std::size_t (*attention_scratch)(int32_t tokens, int32_t head_dim);
};

/// Every level that this build has, best first, supported or not. The last is "reference": scalar, accumulating in
/// double; it runs everywhere and is what the others are tested against.
const std::vector<const Kernels*>& all_kernels();

/// The level to use: the best that this CPU supports, or the one that the environment variable PACELINE_FORCE_ISA
/// names. Throws Error{invalid_argument} for a name that is unknown or that this CPU lacks.
const Kernels& active_kernels();

/// The level of that name, or the best supported for an empty name; the same errors as active_kernels.
const Kernels& find_kernels(std::string_view name);

}  // namespace paceline
