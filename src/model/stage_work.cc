#include "model/stage_work.h"

#include "model/model_weights.h"

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
      : network_(network), type_(type), narrow_(narrow_type(type)), sequences_(static_cast<double>(lengths.size())) {
    for (const double tokens : lengths) {
      tokens_ += tokens;
      pairs_ += tokens * tokens;
    }
  }

  std::array<StageWork, kStages> count() {
    embed();
    for (std::size_t i = 0; i + 1 < network_.layers.size(); ++i) block(network_.layer(i));
    last_block(network_.layer(network_.layers.size() - 1));
    for (const HeadStep& step : network_.head) {
      multiply(Stage::kHead, NumberType::kFp32, step.dense, {.rows = sequences_});
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

  void compute(Stage stage, NumberType type, double flops) {
    StageWork& work = at(stage);
    (type == NumberType::kFp32   ? work.fp32_flops
     : type == NumberType::kBf16 ? work.bf16_flops
                                 : work.int8_flops) += flops;
  }

  void move(Stage stage, double values, double bytes) { at(stage).bytes += values * bytes; }

  void multiply(Stage stage, NumberType type, const Dense& dense, const Product& product) {
    const double weights = static_cast<double>(dense.in) * dense.out;
    compute(stage, type, 2 * product.rows * weights);
    at(stage).counted_flops += 2 * product.rows * weights;
    move(stage, weights, bytes_of(type));
    move(stage, dense.out, kFp32Bytes);  // the bias
    move(stage, product.rows * dense.in, product.in_bytes);
    move(stage, product.rows * dense.out, product.out_bytes);
  }

  void embed() {
    move(Stage::kEmbedding, tokens_ * network_.hidden_size, 4 * kFp32Bytes);  // three tables, one sum
    normalise(tokens_);
  }

  void normalise(double rows) {
    const double rounded = type_ == NumberType::kFp32 ? 0 : bytes_of(type_);
    move(Stage::kLayerNorm, rows * network_.hidden_size, kSumBytes + rounded);
  }

  void round(NumberType type, double values) {
    if (type != NumberType::kFp32) move(Stage::kRounding, values, kFp32Bytes + bytes_of(type));
  }

  /// Bytes of a value where a product of the type is to read it next; int8 is made of fp32, apart.
  double made_bytes() const { return type_ == NumberType::kBf16 ? bytes_of(type_) : kFp32Bytes; }

  void block(const Block& block) {
    const SelfAttention& attention = block.attention;
    const double width = static_cast<double>(attention.heads) * attention.head_dim;
    const double narrow = bytes_of(narrow_);
    multiply(Stage::kQueryKeyValue, type_, attention.query,
             {.rows = tokens_, .in_bytes = bytes_of(type_), .out_bytes = narrow});
    for (const Dense* same_input : {&attention.key, &attention.value}) {
      multiply(Stage::kQueryKeyValue, type_, *same_input, {.rows = tokens_, .in_bytes = 0, .out_bytes = narrow});
    }
    compute(Stage::kAttention, narrow_, 4 * pairs_ * width);
    at(Stage::kAttention).counted_flops += 4 * pairs_ * width;
    move(Stage::kAttention, tokens_ * width, 3 * narrow + made_bytes());
    if (type_ == NumberType::kInt8) round(type_, tokens_ * width);
    feed_forward(block, tokens_);
  }

  /// From what attention mixed to the block's output.
  void feed_forward(const Block& block, double rows) {
    const double in_bytes = bytes_of(type_);
    multiply(Stage::kAttentionOutput, type_, block.attention.output,
             {.rows = rows, .in_bytes = in_bytes, .out_bytes = kSumBytes});
    normalise(rows);
    multiply(Stage::kUp, type_, block.ffn.up, {.rows = rows, .in_bytes = in_bytes, .out_bytes = made_bytes()});
    if (type_ == NumberType::kInt8) round(type_, rows * block.ffn.up.out);
    multiply(Stage::kDown, type_, block.ffn.down, {.rows = rows, .in_bytes = in_bytes, .out_bytes = kSumBytes});
    normalise(rows);
  }

  void last_block(const Block& block) {
    const SelfAttention& attention = block.attention;
    const double width = static_cast<double>(attention.heads) * attention.head_dim;
    const double hidden = network_.hidden_size;
    // Query, key and value weights each meet one row of a sequence; then every head mixes the hidden states themselves.
    compute(Stage::kPooledAttention, narrow_, 3 * 2 * sequences_ * hidden * width);
    compute(Stage::kPooledAttention, NumberType::kFp32, 4 * tokens_ * attention.heads * hidden);
    at(Stage::kPooledAttention).counted_flops +=
        2 * sequences_ * hidden * width + 2 * 2 * tokens_ * hidden * width + 4 * tokens_ * width;

    const double mixed = sequences_ * attention.heads * hidden;
    move(Stage::kPooledAttention, 3 * hidden * width, bytes_of(narrow_));
    move(Stage::kPooledAttention, 2 * width, kFp32Bytes);                             // biases: softmax drops the key's
    move(Stage::kPooledAttention, sequences_ * hidden, kSumBytes);                    // first tokens, picked out
    move(Stage::kPooledAttention, sequences_ * (hidden + width), bytes_of(narrow_));  // into query and keys
    move(Stage::kPooledAttention, 2 * sequences_ * width + tokens_ * hidden, kFp32Bytes);
    move(Stage::kPooledAttention, mixed, 3 * kFp32Bytes + bytes_of(narrow_));  // from keys, mixed in place, into values
    round(narrow_, sequences_ * (hidden + width) + mixed);
    round(type_, sequences_ * width);
    feed_forward(block, sequences_);
  }

  const Network& network_;
  const NumberType type_;
  const NumberType narrow_;  // of attention
  const double sequences_;
  double tokens_ = 0;
  double pairs_ = 0;  // of tokens that attend to each other
  std::array<StageWork, kStages> works_{};
};

}  // namespace

std::array<StageWork, kStages> stage_works(const Network& network, NumberType type, std::span<const int32_t> lengths) {
  return WorkCount(network, type, lengths).count();
}

}  // namespace paceline
