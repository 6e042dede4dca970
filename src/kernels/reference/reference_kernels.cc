#include "kernels/reference/reference_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/reference/exact_functions.h"

namespace paceline {
namespace {

// Columns summed side by side: each keeps its own sum and its own order, and the compiler may use what vectors the
// baseline has.
constexpr int32_t kColumns = 8;

bool supported() { return true; }

float from_bf16(const std::byte* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// The nearest bf16, ties to even; NaN stays NaN.
void to_bf16(float value, std::byte* to) {
  auto bits = std::bit_cast<uint32_t>(value);
  bits = std::isnan(value) ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1);
  const auto high = static_cast<uint16_t>(bits >> 16);
  std::memcpy(to, &high, sizeof(high));
}

template <NumberType kType>
struct Dot;

template <>
struct Dot<NumberType::kFp32> {
  using Sum = double;
  static double value(const std::byte* row, int32_t k) {
    float x;
    std::memcpy(&x, row + static_cast<std::size_t>(k) * sizeof(x), sizeof(x));
    return static_cast<double>(x);
  }
  static double input(const std::byte* row, int32_t k) { return value(row, k); }
  static double weight(const std::byte* word, int32_t) { return value(word, 0); }
};

template <>
struct Dot<NumberType::kBf16> {
  using Sum = double;
  static double input(const std::byte* row, int32_t k) {
    return static_cast<double>(from_bf16(row + 2 * static_cast<std::size_t>(k)));
  }
  static double weight(const std::byte* word, int32_t place) { return input(word, place); }
};

template <>
struct Dot<NumberType::kInt8> {
  using Sum = int32_t;
  static int32_t input(const std::byte* row, int32_t k) { return std::to_integer<int32_t>(row[k]); }
  static int32_t weight(const std::byte* word, int32_t place) {
    return static_cast<int8_t>(std::to_integer<uint8_t>(word[place]));
  }
};

double finish(Epilogue epilogue, double y, double old) {
  switch (epilogue) {
    case Epilogue::kStore:
      return y;
    case Epilogue::kAdd:
      return old + y;
    case Epilogue::kGelu:
      return exact_gelu(y);
    case Epilogue::kTanh:
      return std::tanh(y);
    case Epilogue::kRelu:
      return std::max(y, 0.0);
    case Epilogue::kGeluTanh:
      return exact_gelu_tanh(y);
    case Epilogue::kSilu:
      return exact_silu(y);
    case Epilogue::kMish:
      return exact_mish(y);
    case Epilogue::kMultiply:
      return old * y;
  }
  return y;
}

/// y = x W^T + b. Int8: in fp32 and in the order of the other levels, so that theirs is the same to the last bit.
template <NumberType kType>
double scaled(typename Dot<kType>::Sum sum, const WeightPanel& panel, int32_t column, const RowScale* inputs) {
  if constexpr (kType == NumberType::kInt8) {
    const float exact = std::fma(-inputs->zero, panel.sums[column], static_cast<float>(sum));
    return static_cast<double>(std::fma(exact, inputs->scale * panel.scales[column], panel.bias[column]));
  } else {
    return sum + static_cast<double>(panel.bias[column]);
  }
}

template <NumberType kType>
void dense_row(const DenseArgs& args, const WeightPanel& panel, int32_t r) {
  constexpr int32_t kValues = values_per_word(kType);
  const auto row = static_cast<std::size_t>(r);
  const std::byte* in = args.in.data + row * args.in.stride;
  typename Dot<kType>::Sum sums[kColumns] = {};
  for (int32_t k = 0; k < args.depth; ++k) {
    const auto x = Dot<kType>::input(in, k);
    for (int32_t j = 0; j < kColumns; ++j) {
      const std::byte* word = panel.weights + (static_cast<std::size_t>(k / kValues) * kColumns + j) * kWordBytes;
      sums[j] += x * Dot<kType>::weight(word, k % kValues);
    }
  }
  const RowScale* inputs = kType == NumberType::kInt8 ? args.in.scales + r : nullptr;
  for (int32_t j = 0; j < panel.columns; ++j) {
    const double y = scaled<kType>(sums[j], panel, j, inputs);
    const int32_t column = panel.column + j;
    if (args.out_bf16.data != nullptr) {
      const double old = args.epilogue == Epilogue::kMultiply ? static_cast<double>(args.out.row(r)[column]) : 0;
      to_bf16(static_cast<float>(finish(args.epilogue, y, old)),
              args.out_bf16.data + row * args.out_bf16.stride + 2 * static_cast<std::size_t>(column));
    } else {
      float& out = args.out.row(r)[column];
      out = static_cast<float>(finish(args.epilogue, y, static_cast<double>(out)));
    }
  }
}

template <NumberType kType>
void dense(const DenseArgs& args) {
  for (int32_t p = 0; p < args.panel_count; ++p) {
    for (int32_t r = 0; r < args.rows; ++r) dense_row<kType>(args, args.panels[p], r);
  }
}

void pack(const PackArgs& args) {
  std::byte* to = args.panel;
  for (int32_t k = 0; k < args.words; ++k) {
    for (int32_t column = 0; column < kColumns; ++column, to += kWordBytes) {
      const std::byte* row = args.rows + static_cast<std::size_t>(column) * args.stride;
      if (column < args.columns) {
        std::memcpy(to, row + static_cast<std::size_t>(k) * kWordBytes, kWordBytes);
      } else {
        std::memset(to, 0, kWordBytes);
      }
    }
  }
}

void round_row(NumberType type, const float* from, int32_t columns, std::byte* to, RowScale* scale) {
  const int32_t end = words_of(type, columns) * values_per_word(type);
  std::memset(to, 0, static_cast<std::size_t>(end) * value_bytes(type));
  if (type == NumberType::kFp32) std::memcpy(to, from, static_cast<std::size_t>(columns) * sizeof(float));
  if (type == NumberType::kBf16) {
    for (int32_t c = 0; c < columns; ++c) to_bf16(from[c], to + 2 * static_cast<std::size_t>(c));
  }
  if (type != NumberType::kInt8) return;
  float low = 0;
  float high = 0;
  bool finite = true;
  for (int32_t c = 0; c < columns; ++c) {
    low = std::min(low, from[c]);
    high = std::max(high, from[c]);
    finite = finite && std::isfinite(from[c]);
  }
  if (!finite) {
    *scale = {.scale = std::numeric_limits<float>::quiet_NaN()};
    return;
  }
  const float step = (high - low) / 255.0F;
  *scale = {.scale = step, .zero = step == 0 ? 0 : std::nearbyint(-low / step)};
  const float inverse = step == 0 ? 0 : 1 / step;
  for (int32_t c = 0; c < columns; ++c) {
    const float stored = std::nearbyint(from[c] * inverse) + scale->zero;
    to[c] = static_cast<std::byte>(std::clamp(stored, 0.0F, 255.0F));
  }
}

template <NumberType kType>
void round(const RoundArgs& args) {
  for (int32_t r = 0; r < args.rows; ++r) {
    round_row(kType, args.in.row(r), args.columns, args.out.data + static_cast<std::size_t>(r) * args.out.stride,
              kType == NumberType::kInt8 ? args.out.scales + r : nullptr);
  }
}

template <NumberType kType>
void layer_norm(const LayerNormArgs& args) {
  for (int32_t r = 0; r < args.count; ++r) {
    const float* in = args.in.row(r);
    float* row = args.out.row(r);
    double mean = 0;
    for (int32_t c = 0; c < args.columns; ++c) mean += static_cast<double>(in[c]);
    mean /= args.columns;
    double variance = 0;
    for (int32_t c = 0; c < args.columns; ++c) {
      const double deviation = static_cast<double>(in[c]) - mean;
      variance += deviation * deviation;
    }
    variance /= args.columns;
    const double factor = 1 / std::sqrt(variance + static_cast<double>(args.epsilon));
    for (int32_t c = 0; c < args.columns; ++c) {
      const double normed = (static_cast<double>(in[c]) - mean) * factor;
      row[c] = static_cast<float>(normed * static_cast<double>(args.scale[c]) + static_cast<double>(args.bias[c]));
    }
    if constexpr (kType != NumberType::kFp32) {
      RowScale* scale = kType == NumberType::kInt8 ? args.rounded.scales + r : nullptr;
      round_row(kType, row, args.columns, args.rounded.data + static_cast<std::size_t>(r) * args.rounded.stride, scale);
    }
  }
}

void sum(const SumArgs& args) {
  for (int32_t c = 0; c < args.columns; ++c) {
    args.out[c] = static_cast<float>(static_cast<double>(args.a[c]) + static_cast<double>(args.b[c]) +
                                     static_cast<double>(args.c[c]));
  }
}

template <NumberType kType>
void rotate(const RotateArgs& args) {
  constexpr std::size_t kBytes = value_bytes(kType);
  const auto write = [](double value, std::byte* to) {
    const auto rounded = static_cast<float>(value);
    if constexpr (kType == NumberType::kBf16) {
      to_bf16(rounded, to);
    } else {
      std::memcpy(to, &rounded, sizeof(rounded));
    }
  };
  for (int32_t r = 0; r < args.count; ++r) {
    const float* turns = args.turns + int64_t{r} * 2 * args.half;
    std::byte* row = args.rows.data + static_cast<std::size_t>(r) * args.rows.stride;
    for (int32_t i = 0; i < args.heads * args.half; ++i) {
      const int32_t d = i % args.half;
      const int32_t first = i / args.half * 2 * args.half + d;
      const int32_t second = first + args.half;
      const double a = Dot<kType>::input(row, first);
      const double b = Dot<kType>::input(row, second);
      const auto cosine = static_cast<double>(turns[d]);
      const auto sine = static_cast<double>(turns[args.half + d]);
      write(a * cosine - b * sine, row + static_cast<std::size_t>(first) * kBytes);
      write(b * cosine + a * sine, row + static_cast<std::size_t>(second) * kBytes);
    }
  }
}

void relative_scores(const RelativeScoreArgs& args) {
  for (int32_t query = 0; query < args.queries; ++query) {
    for (int32_t s = 0; s < args.tokens; ++s) {
      const int32_t column = args.columns[s - query];
      double score = 0;
      if (args.by_query.data != nullptr) score += static_cast<double>(args.by_query.row(query)[column]);
      if (args.by_key.data != nullptr) score += static_cast<double>(args.by_key.row(s)[column]);
      args.out.row(query)[s] = static_cast<float>(score);
    }
  }
}

const std::byte* row_of(ConstNumberRows rows, int32_t row) {
  return rows.data + static_cast<std::size_t>(row) * rows.stride;
}

template <NumberType kType>
void attention(const AttentionArgs& args) {
  double* weights = reinterpret_cast<double*>((reinterpret_cast<uintptr_t>(args.scratch) + 7) & ~uintptr_t{7});
  for (int32_t r = 0; r < args.queries; ++r) {
    const std::byte* query = row_of(args.query, r);
    const auto [begin, end] = seen_by(args, r);
    double highest = -HUGE_VAL;
    for (int32_t s = begin; s < end; ++s) {
      const std::byte* key = row_of(args.key, s);
      weights[s] = 0;
      for (int32_t d = 0; d < args.head_dim; ++d) {
        weights[s] += Dot<kType>::input(query, d) * Dot<kType>::input(key, d);
      }
      if (args.bias != nullptr) weights[s] += static_cast<double>(args.bias[r * args.bias_stride + s]);
      highest = std::max(highest, weights[s]);
    }
    double total = 0;
    for (int32_t s = begin; s < end; ++s) {
      weights[s] = std::exp2(weights[s] - highest);
      if constexpr (kType == NumberType::kBf16) {
        std::byte rounded[2];
        to_bf16(static_cast<float>(weights[s]), rounded);
        weights[s] = static_cast<double>(from_bf16(rounded));
      }
      total += weights[s];
    }
    for (int32_t d = 0; d < args.head_dim; ++d) {
      double mixed = 0;
      for (int32_t s = begin; s < end; ++s) {
        mixed += weights[s] * Dot<kType>::input(row_of(args.value, s), d);
      }
      const auto value = static_cast<float>(mixed / total);
      if (args.out_bf16.data != nullptr) {
        to_bf16(value, args.out_bf16.data + static_cast<std::size_t>(r) * args.out_bf16.stride +
                           2 * static_cast<std::size_t>(d));
      } else {
        args.out.row(r)[d] = value;
      }
    }
  }
}

void quantise(const QuantiseArgs& args) {
  constexpr float kMost = 127;
  for (int32_t r = 0; r < args.rows; ++r) {
    const float* from = args.in.row(r);
    std::byte* to = args.out + static_cast<std::size_t>(r) * args.stride;
    float largest = 0;
    for (int32_t c = 0; c < args.columns; ++c) largest = std::max(largest, std::fabs(from[c]));
    const bool scalable = kMost / largest <= std::numeric_limits<float>::max();
    const float inverse = scalable ? kMost / largest : 0;
    int32_t sum = 0;
    for (int32_t c = 0; c < args.columns; ++c) {
      const auto stored = static_cast<int8_t>(std::max(-kMost, std::min(kMost, std::nearbyint(from[c] * inverse))));
      to[c] = static_cast<std::byte>(stored);
      sum += stored;
    }
    std::fill(to + args.columns, to + static_cast<std::size_t>(words_of(NumberType::kInt8, args.columns)) * kWordBytes,
              std::byte{});
    args.scales[r] = scalable ? largest / kMost : 0;
    args.sums[r] = static_cast<float>(sum);
  }
}

// One double per token, and room to align them.
std::size_t attention_scratch(int32_t tokens, int32_t) { return 2 * static_cast<std::size_t>(tokens) + 2; }

template <NumberType kType>
constexpr NumberKernels kNumberKernels{.dense = dense<kType>, .round = round<kType>, .layer_norm = layer_norm<kType>};

constexpr Kernels kTable{
    .name = "reference",
    .description = "scalar, sums in double",
    .supported = supported,
    .lanes = kColumns,
    .panel_columns = kColumns,
    .pack = pack,
    .quantise = quantise,
    .numbers = {kNumberKernels<NumberType::kFp32>, kNumberKernels<NumberType::kBf16>,
                kNumberKernels<NumberType::kInt8>},
    .sum = sum,
    .relative_scores = relative_scores,
    .rotate_fp32 = rotate<NumberType::kFp32>,
    .rotate_bf16 = rotate<NumberType::kBf16>,
    .attention_fp32 = attention<NumberType::kFp32>,
    .attention_bf16 = attention<NumberType::kBf16>,
    .attention_scratch = attention_scratch,
};

}  // namespace

const Kernels& reference_kernels() { return kTable; }

}  // namespace paceline
