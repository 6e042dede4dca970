#include "export/overflow.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tensor/tensor_view.h"

namespace paceline {
namespace {

// Far enough below 2^128 for the rounding of 8 bits in each layer.
constexpr double kMost = 1e36;

/// The largest magnitudes through the network. No activation function gives more than its argument's magnitude.
class Bounds {
 public:
  Bounds(const Network& network, double largest) : network_(network), largest_(largest) {}

  bool hold() {
    double x = embeddings();
    positions_ = std::max({1.0, largest_, norm(network_.hidden_size)});
    const double convolved = network_.hidden_size * network_.convolution.kernel * x * largest_ + largest_;
    see(convolved);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) x = block(x, network_.layer(i));
    return most_ < kMost && std::isfinite(largest_);
  }

 private:
  double embeddings() const {
    const Embeddings& layer = network_.embeddings;
    double x = 4 * largest_;  // words, positions, token types
    if (layer.project_first) x = dense(layer.projection, x);
    if (layer.norm.exists()) x = norm(layer.project_first ? network_.hidden_size : network_.embedding_size());
    return layer.projection.exists() && !layer.project_first ? dense(layer.projection, x) : x;
  }

  double block(double x, const Block& block) {
    const bool first = block.norm_before;
    x = attention(first && block.attention_norm.exists() ? norm(network_.hidden_size) : x, block.attention) + x;
    see(x);
    if (!first) x = norm(network_.hidden_size);
    x = feed_forward(first ? norm(network_.hidden_size) : x, block.ffn) + x;
    see(x);
    return first ? x : norm(network_.hidden_size);
  }

  double attention(double x, const SelfAttention& layer) {
    const double turned = layer.rotary.exists() ? 2 * std::max(1.0, layer.rotary.factor) : 1;
    const double of_positions =
        std::max(dense(layer.position_key, positions_), dense(layer.position_query, positions_));
    const double query = dense(layer.query, x) * turned + of_positions + 3 * largest_;
    const double key = dense(layer.key, x) * turned + of_positions + 3 * largest_;
    see(4 * layer.head_dim * query * key * std::max(1.0, layer.scale) + largest_);
    return dense(layer.output, dense(layer.value, x));
  }

  double feed_forward(double x, const FeedForward& layer) {
    const double gate = layer.gate.exists() ? dense(layer.gate, x) : 1;
    const double inner = dense(layer.up, x) * std::max(1.0, gate);
    see(inner);
    return dense(layer.down, inner);
  }

  double dense(const Dense& layer, double x) const { return layer.exists() ? (layer.in * x + 1) * largest_ : 0; }
  /// A row of `columns` numbers with mean 0 and variance 1 has none above the root of their count.
  double norm(int32_t columns) const { return (std::sqrt(columns) + 1) * largest_; }
  void see(double bound) { most_ = std::max(most_, bound); }

  const Network& network_;
  const double largest_;
  double positions_ = 0;
  double most_ = 0;
};

}  // namespace

double largest_weight(const Checkpoint& checkpoint) {
  constexpr uint32_t kMagnitude = 0x7fffffff;  // as an integer it is ordered as the floats are
  constexpr int64_t kBlock = 1 << 14;
  uint32_t largest = 0;
  std::vector<float> values;
  for_each_weight(checkpoint.network(), [&](const Weight& weight) {
    const TensorView& tensor = checkpoint.tensor(weight);
    for (int64_t first = 0; first < tensor.elements(); first += kBlock) {
      values.resize(static_cast<std::size_t>(std::min(kBlock, tensor.elements() - first)));
      convert_to_float(tensor, first, values);
      for (const float value : values) largest = std::max(largest, std::bit_cast<uint32_t>(value) & kMagnitude);
    }
  });
  return static_cast<double>(std::bit_cast<float>(largest));
}

bool stays_finite(const Network& network, double largest) { return Bounds(network, largest).hold(); }

}  // namespace paceline
