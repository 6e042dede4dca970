#include "kernels/reference/reference_kernels.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace paceline {
namespace {

// Columns summed side by side: each keeps its own double and its own order, and the compiler may use what vectors the
// baseline has.
constexpr int32_t kColumns = 8;

bool supported() { return true; }

void pack_panel(ConstRows rows, int32_t columns, int32_t depth, float* panel) {
  for (int32_t k = 0; k < depth; ++k) {
    for (int32_t column = 0; column < kColumns; ++column) {
      *panel++ = column < columns ? rows.row(column)[k] : 0.0F;
    }
  }
}

double finish(Epilogue epilogue, double y, double old) {
  switch (epilogue) {
    case Epilogue::kStore:
      return y;
    case Epilogue::kAdd:
      return old + y;
    case Epilogue::kGelu:
      return 0.5 * y * (1 + std::erf(y / std::numbers::sqrt2));
    case Epilogue::kTanh:
      return std::tanh(y);
    case Epilogue::kRelu:
      return std::max(y, 0.0);
  }
  return y;
}

void dense(const DenseArgs& args) {
  for (int32_t p = 0; p < args.panel_count; ++p) {
    const WeightPanel& panel = args.panels[p];
    for (int32_t r = 0; r < args.rows; ++r) {
      const float* in = args.in.row(r);
      double sums[kColumns] = {};
      for (int32_t k = 0; k < args.depth; ++k) {
        for (int32_t j = 0; j < kColumns; ++j) {
          sums[j] += static_cast<double>(in[k]) * static_cast<double>(panel.weights[k * kColumns + j]);
        }
      }
      float* out = args.out.row(r) + panel.column;
      for (int32_t j = 0; j < panel.columns; ++j) {
        const double y = sums[j] + static_cast<double>(panel.bias[j]);
        out[j] = static_cast<float>(finish(args.epilogue, y, static_cast<double>(out[j])));
      }
    }
  }
}

void layer_norm(const LayerNormArgs& args) {
  for (int32_t r = 0; r < args.count; ++r) {
    float* row = args.rows.row(r);
    double mean = 0;
    for (int32_t c = 0; c < args.columns; ++c) mean += static_cast<double>(row[c]);
    mean /= args.columns;
    double variance = 0;
    for (int32_t c = 0; c < args.columns; ++c) {
      const double deviation = static_cast<double>(row[c]) - mean;
      variance += deviation * deviation;
    }
    variance /= args.columns;
    const double factor = 1 / std::sqrt(variance + static_cast<double>(args.epsilon));
    for (int32_t c = 0; c < args.columns; ++c) {
      const double normed = (static_cast<double>(row[c]) - mean) * factor;
      row[c] = static_cast<float>(normed * static_cast<double>(args.scale[c]) + static_cast<double>(args.bias[c]));
    }
  }
}

void sum(const SumArgs& args) {
  for (int32_t c = 0; c < args.columns; ++c) {
    args.out[c] = static_cast<float>(static_cast<double>(args.a[c]) + static_cast<double>(args.b[c]) +
                                     static_cast<double>(args.c[c]));
  }
}

double dot(const float* a, const float* b, int32_t count) {
  double total = 0;
  for (int32_t i = 0; i < count; ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return total;
}

void attention(const AttentionArgs& args) {
  double* weights = reinterpret_cast<double*>((reinterpret_cast<uintptr_t>(args.scratch) + 7) & ~uintptr_t{7});
  for (int32_t r = 0; r < args.queries; ++r) {
    double highest = -HUGE_VAL;
    for (int32_t s = 0; s < args.tokens; ++s) {
      weights[s] = dot(args.query.row(r), args.key.row(s), args.head_dim);
      highest = std::max(highest, weights[s]);
    }
    double total = 0;
    for (int32_t s = 0; s < args.tokens; ++s) {
      weights[s] = std::exp2(weights[s] - highest);
      total += weights[s];
    }
    for (int32_t d = 0; d < args.head_dim; ++d) {
      double mixed = 0;
      for (int32_t s = 0; s < args.tokens; ++s) mixed += weights[s] * static_cast<double>(args.value.row(s)[d]);
      args.out.row(r)[d] = static_cast<float>(mixed / total);
    }
  }
}

// One double per token, and room to align them.
std::size_t attention_scratch(int32_t tokens, int32_t) { return 2 * static_cast<std::size_t>(tokens) + 2; }

constexpr Kernels kTable{
    .name = "reference",
    .description = "scalar, sums in double",
    .supported = supported,
    .lanes = kColumns,
    .panel_columns = kColumns,
    .pack_panel = pack_panel,
    .dense = dense,
    .layer_norm = layer_norm,
    .sum = sum,
    .attention = attention,
    .attention_scratch = attention_scratch,
};

}  // namespace

const Kernels& reference_kernels() { return kTable; }

}  // namespace paceline
