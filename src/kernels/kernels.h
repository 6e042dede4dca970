#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace paceline {

/// The arithmetic of a forward pass, once per ISA level. A level is one table of functions; everything above is written
/// once over this table. No function allocates, throws or keeps state; pointers need no alignment beyond float's.

/// The numbers that a dense layer multiplies. Sums of bf16 are fp32; residual, LayerNorm, softmax and activations are
/// fp32 in each type.
enum class NumberType : uint8_t {
  kFp32,
  kBf16,  ///< weights and inputs rounded to the nearest bf16
  kInt8,  ///< weights s8 with a scale for each output column, inputs u8 with scale and zero point for each row
};
constexpr std::size_t kNumberTypes = 3;

/// What a product reads at once: one fp32, two bf16 or four 8-bit values that follow each other in a row.
constexpr std::size_t kWordBytes = 4;
constexpr int32_t values_per_word(NumberType type) {
  return type == NumberType::kFp32 ? 1 : type == NumberType::kBf16 ? 2 : 4;
}
constexpr std::size_t value_bytes(NumberType type) {
  return kWordBytes / static_cast<std::size_t>(values_per_word(type));
}
constexpr int32_t words_of(NumberType type, int32_t values) {
  return (values + values_per_word(type) - 1) / values_per_word(type);
}

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

/// How the 8-bit values of a row are read: value = scale * (stored - zero). `zero` is one of the integers 0 to 255.
/// The scale of a row with a value that is not finite is NaN.
struct RowScale {
  float scale = 0;
  float zero = 0;
};

/// A row-major matrix of a number type; `stride` bytes lead from one row to the next. Where a row ends within a word,
/// the rest of that word is readable and finite.
struct NumberRows {
  std::byte* data = nullptr;
  std::size_t stride = 0;
  RowScale* scales = nullptr;  ///< of each row, int8 only
};
struct ConstNumberRows {
  ConstNumberRows() = default;
  ConstNumberRows(const std::byte* rows, std::size_t row_stride, const RowScale* row_scales)
      : data(rows), stride(row_stride), scales(row_scales) {}
  ConstNumberRows(NumberRows rows)  // NOLINT(google-explicit-constructor): adds const
      : data(rows.data), stride(rows.stride), scales(rows.scales) {}

  const std::byte* data = nullptr;
  std::size_t stride = 0;
  const RowScale* scales = nullptr;
};

/// What a dense layer does with y = x W^T + b before it is stored.
enum class Epilogue : uint8_t {
  kStore,     ///< out = y
  kAdd,       ///< out += y: the residual
  kGelu,      ///< out = gelu(y), the erf form, within 5e-7
  kTanh,      ///< out = tanh(y), within 5e-7
  kRelu,      ///< out = max(y, 0)
  kGeluTanh,  ///< out = gelu(y), the tanh form, within 5e-7
  kSilu,      ///< out = y / (1 + exp(-y)), within 5e-7 (1 + |y|)
  kMish,      ///< out = y tanh(log(1 + exp(y))), within 5e-7 (1 + |y|)
  kMultiply,  ///< out *= y: the gate
};

/// Some consecutive output columns of a dense layer in the layout of one ISA level. Columns are rounded up to the
/// level's lanes; what lies beyond `columns` is zero.
struct WeightPanel {
  const std::byte* weights = nullptr;  ///< [words of the depth][rounded columns] words
  const float* bias = nullptr;         ///< [rounded columns]
  const float* scales = nullptr;       ///< [rounded columns], int8: value = scale * stored
  const float* sums = nullptr;         ///< [rounded columns], int8: of the stored values of each column
  int32_t column = 0;                  ///< the first column of the output that it makes
  int32_t columns = 0;                 ///< at most the level's panel_columns
};

/// A product of `rows` rows with some panels of a dense layer. Every sum runs over the whole depth in order, so an
/// output depends on its own row alone, bit for bit, however rows and panels are divided.
struct DenseArgs {
  ConstNumberRows in{};  ///< [rows, depth]
  int32_t rows = 0;
  int32_t depth = 0;
  const WeightPanel* panels = nullptr;
  int32_t panel_count = 0;
  Epilogue epilogue = Epilogue::kStore;
  Rows out{};             ///< [rows, ...]; only the panels' columns are touched
  NumberRows out_bf16{};  ///< written instead of `out` where it has data; not for kAdd; kMultiply reads `out` still
  const std::byte* next = nullptr;  ///< weights that are read after these, worth prefetching; may be null
};

/// Fp32 rows to rows of a number type. Int8: each row's range from its lowest to its highest value, zero included, is
/// divided into 255 steps. The last word of a row is filled up with zeros.
struct RoundArgs {
  ConstRows in{};
  int32_t rows = 0;
  int32_t columns = 0;
  NumberRows out{};
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over each row, and, but for fp32, the same rounded as
/// RoundArgs says.
struct LayerNormArgs {
  ConstRows in{};
  Rows out{};           ///< may be `in`
  int32_t count = 0;    ///< rows
  int32_t columns = 0;  ///< at least 1
  const float* scale = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
  NumberRows rounded{};
};

/// out = a + b + c, element by element.
struct SumArgs {
  const float* a = nullptr;
  const float* b = nullptr;
  const float* c = nullptr;
  int32_t columns = 0;
  float* out = nullptr;
};

/// Rotary positions: each half of a head is turned against the other, (a, b) to (a cos - b sin, b cos + a sin), in
/// place.
struct RotateArgs {
  NumberRows rows{};  ///< [count, heads x 2 half], of the kernel's type
  int32_t count = 0;
  int32_t heads = 0;
  int32_t half = 0;              ///< numbers of half a head
  const float* turns = nullptr;  ///< [count, 2 half]: the cosines of a row, then its sines
};

/// Scores by distance: out[q][s] = by_query[q][column] + by_key[s][column], column = columns[s - q].
struct RelativeScoreArgs {
  const int32_t* columns = nullptr;  ///< of the first query and the first token; goes on to both sides
  ConstRows by_query{};              ///< [queries, columns]; without data: 0
  ConstRows by_key{};                ///< [tokens, columns]; without data: 0
  int32_t queries = 0;
  int32_t tokens = 0;
  Rows out{};  ///< [queries, tokens]
};

/// One head of one sequence: out = softmax2(q k^T + bias) v, where softmax2 uses powers of two: the query, and the
/// bias, carry the softmax scale times log2(e). Query, key and value are fp32 or bf16; with bf16 the softmax's weights
/// are rounded to bf16 too.
struct AttentionArgs {
  ConstNumberRows query{};  ///< [queries, head_dim]
  ConstNumberRows key{};    ///< [tokens, head_dim]
  ConstNumberRows value{};  ///< [tokens, head_dim]
  int32_t queries = 0;
  int32_t tokens = 0;
  int32_t head_dim = 0;
  int32_t place = 0;                    ///< of the first query among the tokens
  int32_t visible_before = -1;          ///< keys before its place that a query sees; -1: all
  int32_t visible_after = -1;           ///< and behind it
  const float* bias = nullptr;          ///< [queries, tokens]; null: none
  std::ptrdiff_t bias_stride = 0;       ///< floats from one row to the next; -1: a table by distance
  Rows out{};                           ///< [queries, head_dim]; may be the query itself
  NumberRows out_bf16{};                ///< written instead of `out` where it has data
  float* scratch = nullptr;             ///< attention_scratch(tokens, head_dim) floats
  const AttentionArgs* next = nullptr;  ///< the call that follows: its rows are worth prefetching; may be null
};

/// Keys from `begin` on, up to `end`.
struct KeyRange {
  int32_t begin = 0;
  int32_t end = 0;
};

/// The keys that a query sees.
inline KeyRange seen_by(const AttentionArgs& args, int32_t query) {
  const int32_t place = args.place + query;
  const bool all_before = args.visible_before < 0 || args.visible_before > place;
  const bool all_after = args.visible_after < 0 || args.visible_after >= args.tokens - place;
  return {.begin = all_before ? 0 : place - args.visible_before,
          .end = all_after ? args.tokens : place + args.visible_after + 1};
}

/// A matrix of words laid out as one panel: word k of row c becomes word c of row k. Rows are rounded up to lanes with
/// zeros.
struct PackArgs {
  const std::byte* rows = nullptr;  ///< [columns, words] words
  std::size_t stride = 0;           ///< bytes
  int32_t columns = 0;
  int32_t words = 0;
  std::byte* panel = nullptr;
};

/// Rows of weights as s8: each is divided by the scale that gives its largest magnitude 127. A row whose magnitudes are
/// all below 127 / the largest fp32 becomes zeros. The last word of a row is filled up with zeros. For up to 132,104
/// columns, whose sums fp32 holds exactly, the bits are the same at every level.
struct QuantiseArgs {
  ConstRows in{};
  int32_t rows = 0;
  int32_t columns = 0;
  std::byte* out = nullptr;
  std::size_t stride = 0;   ///< bytes of `out` from one row to the next
  float* scales = nullptr;  ///< [rows]: value = scale * stored
  float* sums = nullptr;    ///< [rows]: of the stored values
};

/// What a level does with one number type.
struct NumberKernels {
  void (*dense)(const DenseArgs& args);
  void (*round)(const RoundArgs& args);
  void (*layer_norm)(const LayerNormArgs& args);
};

/// The kernels of one ISA level.
struct Kernels {
  std::string_view name;         ///< "avx512"
  std::string_view description;  ///< for people: instructions and tile
  bool (*supported)();           ///< by the CPU that runs this
  int32_t lanes;                 ///< columns of a panel are rounded up to these
  int32_t panel_columns;         ///< columns of a full panel, a multiple of lanes

  void (*pack)(const PackArgs& args);
  void (*quantise)(const QuantiseArgs& args);
  NumberKernels numbers[kNumberTypes];
  void (*sum)(const SumArgs& args);
  void (*relative_scores)(const RelativeScoreArgs& args);
  void (*rotate_fp32)(const RotateArgs& args);
  void (*rotate_bf16)(const RotateArgs& args);
  /// Any number of queries; each row's result is the same whatever other rows are asked for.
  void (*attention_fp32)(const AttentionArgs& args);
  void (*attention_bf16)(const AttentionArgs& args);
  std::size_t (*attention_scratch)(int32_t tokens, int32_t head_dim);  ///< for either type

  const NumberKernels& of(NumberType type) const { return numbers[static_cast<std::size_t>(type)]; }
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
