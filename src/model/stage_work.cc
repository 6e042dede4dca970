#include "model/stage_work.h"

#include "model/model_weights.h"
#include "network/network.h"

namespace paceline {
namespace {

constexpr double kFp32Bytes = 4;

/// An output that a product is added to: read and written.
constexpr double kSumBytes = 2 * kFp32Bytes;

double bytes_of(NumberType type) { return static_cast<double>(value_bytes(type)); }

/// Walks the forward pass as forward_pass.cc does.
class WorkCount {
 public:
  WorkCount(const Network& network, NumberType type, std::span<const int32_t> lengths)
      : network_(network),
        lengths_(lengths),
        type_(type),
        narrow_(narrow_type(type)),
        sequences_(static_cast<double>(lengths.size())) {
    for (const double tokens : lengths) tokens_ += tokens;
  }

  std::array<StageWork, kStages> count() {
    embed();
    for (std::size_t i = 0; i + 1 < network_.layers.size(); ++i) {
      layer(i);
      if (i == 0) convolve();
    }
    last_layer(network_.layers.size() - 1);
    for (const HeadStep& step : network_.head) {
      multiply(Stage::kHead, NumberType::kFp32, step.dense, {.rows = sequences_});
      if (step.norm.exists()) move(Stage::kHead, sequences_ * step.dense.out, kSumBytes);
    }
    return works_;
  }

 private:
  /// The rows of a product and the bytes of a value that it reads and writes.
  struct Product {
    double rows = 0;
    double in_bytes = kFp32Bytes;
    double out_bytes = kFp32Bytes;
  };

  StageWork& at(Stage stage) { return works_[static_cast<std::size_t>(stage)]; }

  /// Of what forward_flops counts.
  void compute(Stage stage, NumberType type, double flops) {
    compute_uncounted(stage, type, flops);
    at(stage).counted_flops += flops;
  }

  void compute_uncounted(Stage stage, NumberType type, double flops) {
    StageWork& work = at(stage);
    (type == NumberType::kFp32   ? work.fp32_flops
     : type == NumberType::kBf16 ? work.bf16_flops
                                 : work.int8_flops) += flops;
  }

  void move(Stage stage, double values, double bytes) { at(stage).bytes += values * bytes; }

  void multiply(Stage stage, NumberType type, const Dense& dense, const Product& product) {
    const double weights = static_cast<double>(dense.in) * dense.out;
    compute(stage, type, 2 * product.rows * weights);
    move(stage, weights, bytes_of(type));
    move(stage, dense.out, kFp32Bytes);  // the bias
    move(stage, product.rows * dense.in, product.in_bytes);
    move(stage, product.rows * dense.out, product.out_bytes);
  }

  void embed() {
    move(Stage::kEmbedding, tokens_ * network_.embedding_size(), 4 * kFp32Bytes);  // three tables, one sum
    if (network_.embeddings.norm.exists()) {
      normalise(tokens_, network_.embeddings.project_first ? network_.hidden_size : network_.embedding_size());
    }
    if (network_.embeddings.projection.exists()) {
      multiply(Stage::kEmbedding, type_, network_.embeddings.projection,
               {.rows = tokens_, .in_bytes = bytes_of(type_)});
      if (!network_.embeddings.project_first) round(type_, tokens_ * network_.hidden_size);
    }
    const Block& first = network_.layer(0);
    if (first.norm_before && first.attention_norm.exists()) normalise(tokens_, network_.hidden_size);
  }

  void normalise(double rows, double width) {
    const double rounded = type_ == NumberType::kFp32 ? 0 : bytes_of(type_);
    move(Stage::kLayerNorm, rows * width, kSumBytes + rounded);
  }

  void round(NumberType type, double values) {
    if (type != NumberType::kFp32) move(Stage::kRounding, values, kFp32Bytes + bytes_of(type));
  }

  /// Bytes of a value where a product of the type is to read it next; int8 is made of fp32, apart.
  double made_bytes() const { return type_ == NumberType::kBf16 ? bytes_of(type_) : kFp32Bytes; }

  static double width_of(const SelfAttention& attention) {
    return static_cast<double>(attention.heads) * attention.head_dim;
  }

  void layer(std::size_t index) {
    const Block& block = network_.layer(index);
    const SelfAttention& attention = block.attention;
    make_query_key_value(attention, tokens_);
    double pairs = 0;
    for (const int32_t tokens : lengths_) pairs += visible_pairs(attention, tokens);
    attend(Stage::kAttention, attention, pairs, 1);
    if (type_ == NumberType::kInt8) round(type_, tokens_ * width_of(attention));
    feed_forward(index, tokens_);
  }

  /// `counted`: rows whose queries forward_flops counts.
  void make_query_key_value(const SelfAttention& attention, double counted) {
    const double narrow = bytes_of(narrow_);
    multiply(Stage::kQueryKeyValue, type_, attention.query,
             {.rows = tokens_, .in_bytes = bytes_of(type_), .out_bytes = narrow});
    at(Stage::kQueryKeyValue).counted_flops -= 2 * (tokens_ - counted) * attention.query.in * attention.query.out;
    for (const Dense* same_input : {&attention.key, &attention.value}) {
      multiply(Stage::kQueryKeyValue, type_, *same_input, {.rows = tokens_, .in_bytes = 0, .out_bytes = narrow});
    }
    if (attention.rotary.exists()) move(Stage::kAttention, tokens_ * width_of(attention), 2 * 2 * narrow);
  }

  /// `row_share`: of the rows that are queries; 0: one for each sequence.
  void attend(Stage stage, const SelfAttention& attention, double pairs, double row_share) {
    const double width = width_of(attention);
    compute(stage, narrow_, 4 * pairs * width);
    double queries = 0;
    for (const int32_t tokens : lengths_) {
      const double rows = row_share == 0 ? 1 : row_share * tokens;
      const double columns = position_rows_met(network_.relative, tokens);
      queries += rows;
      if (attention.position_key.exists()) compute(stage, narrow_, 2 * rows * columns * width);
      if (attention.position_query.exists()) compute(stage, narrow_, 2.0 * tokens * columns * width);
      if (attention.segments.exists()) compute(stage, narrow_, 2 * rows * 2 * width);
    }
    move(stage, queries * width, bytes_of(narrow_) + made_bytes());
    move(stage, tokens_ * width, 2 * bytes_of(narrow_));
  }

  /// From what attention mixed to the layer's output.
  void feed_forward(std::size_t index, double rows) {
    const Block& block = network_.layer(index);
    const double in_bytes = bytes_of(type_);
    multiply(Stage::kAttentionOutput, type_, block.attention.output,
             {.rows = rows, .in_bytes = in_bytes, .out_bytes = kSumBytes});
    normalise(rows, network_.hidden_size);
    const bool gated = block.ffn.gate.exists();
    multiply(Stage::kUp, type_, block.ffn.up,
             {.rows = rows, .in_bytes = in_bytes, .out_bytes = gated ? kFp32Bytes : made_bytes()});
    if (gated) {
      multiply(Stage::kUp, type_, block.ffn.gate,
               {.rows = rows, .in_bytes = in_bytes, .out_bytes = kFp32Bytes + made_bytes()});
    }
    if (type_ == NumberType::kInt8) round(type_, rows * block.ffn.up.out);
    multiply(Stage::kDown, type_, block.ffn.down, {.rows = rows, .in_bytes = in_bytes, .out_bytes = kSumBytes});
    const bool last = index + 1 == network_.layers.size();
    if (!block.norm_before || !last || network_.final_norm.exists()) normalise(rows, network_.hidden_size);
  }

  /// In fp32, behind the first layer.
  void convolve() {
    const Convolution& convolution = network_.convolution;
    if (!convolution.exists()) return;
    const double width = network_.hidden_size;
    const double weights = width * width * convolution.kernel;  // other groups' are stored as zeros
    compute_uncounted(Stage::kDown, NumberType::kFp32, 2 * tokens_ * weights);
    at(Stage::kDown).counted_flops += 2 * tokens_ * weights / convolution.groups;
    move(Stage::kDown, weights + 3 * tokens_ * width, kFp32Bytes);
    normalise(tokens_, width);
  }

  void last_layer(std::size_t index) {
    const SelfAttention& attention = network_.layer(index).attention;
    switch (last_layer_of(network_)) {
      case LastLayer::kPooledHidden:
        return pooled_hidden(index);
      case LastLayer::kPooledRows: {
        make_query_key_value(attention, sequences_);
        double pairs = 0;
        for (const int32_t tokens : lengths_) {
          const int32_t place = network_.pooling == Pooling::kLastToken ? tokens - 1 : 0;
          pairs += visible_keys(attention, place, tokens).size();
        }
        attend(Stage::kPooledAttention, attention, pairs, 0);
        if (type_ == NumberType::kInt8) round(type_, sequences_ * width_of(attention));
        return feed_forward(index, sequences_);
      }
      case LastLayer::kAllRows:
        layer(index);
        if (index == 0) convolve();
        move(Stage::kPooledAttention, tokens_ * network_.hidden_size, kFp32Bytes);
    }
  }

  void pooled_hidden(std::size_t index) {
    const SelfAttention& attention = network_.layer(index).attention;
    const double width = width_of(attention);
    const double hidden = network_.hidden_size;
    // Query, key and value weights each meet one row of a sequence; then every head mixes the hidden states themselves.
    compute_uncounted(Stage::kPooledAttention, narrow_, 3 * 2 * sequences_ * hidden * width);
    compute_uncounted(Stage::kPooledAttention, NumberType::kFp32, 4 * tokens_ * attention.heads * hidden);
    at(Stage::kPooledAttention).counted_flops +=
        2 * sequences_ * hidden * width + 2 * 2 * tokens_ * hidden * width + 4 * tokens_ * width;

    const double mixed = sequences_ * attention.heads * hidden;
    move(Stage::kPooledAttention, 3 * hidden * width, bytes_of(narrow_));
    move(Stage::kPooledAttention, 2 * width, kFp32Bytes);                             // biases: softmax drops the key's
    move(Stage::kPooledAttention, sequences_ * hidden, kSumBytes);                    // pooled rows, picked out
    move(Stage::kPooledAttention, sequences_ * (hidden + width), bytes_of(narrow_));  // into query and keys
    move(Stage::kPooledAttention, 2 * sequences_ * width + tokens_ * hidden, kFp32Bytes);
    move(Stage::kPooledAttention, mixed, 3 * kFp32Bytes + bytes_of(narrow_));  // from keys, mixed in place, into values
    round(narrow_, sequences_ * (hidden + width) + mixed);
    round(type_, sequences_ * width);
    feed_forward(index, sequences_);
  }

  const Network& network_;
  const std::span<const int32_t> lengths_;
  const NumberType type_;
  const NumberType narrow_;  // of attention
  const double sequences_;
  double tokens_ = 0;
  std::array<StageWork, kStages> works_{};
};

}  // namespace

std::array<StageWork, kStages> stage_works(const Network& network, NumberType type, std::span<const int32_t> lengths) {
  return WorkCount(network, type, lengths).count();
}

}  // namespace paceline
