#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// What a model is, as data: every engine walks this once, none knows an architecture by name.
/// Weights are named as in the checkpoint; shapes are what the checkpoint must hold.

/// Element-wise functions, each exactly as the Hugging Face config names it.
enum class Activation {
  kNone,
  kGelu,  ///< 0.5 x (1 + erf(x / sqrt 2))
  kTanh,
  kRelu,
};

std::string_view activation_name(Activation activation);

/// A tensor of the checkpoint and the shape it must have.
struct Weight {
  std::string name;
  Shape shape;
};

/// y = x W^T + b with W [out, in].
struct Dense {
  Weight weight;
  Weight bias;  ///< empty name: no bias
  int32_t in = 0;
  int32_t out = 0;
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis.
struct LayerNorm {
  Weight scale;
  Weight bias;
  double epsilon = 0;
};

/// x = norm(words[id] + positions[row] + token_types[type]), row = place + position_offset, where the place is a
/// token's number in its sequence. Tokens that are not counted take row position_offset - 1 (position_rows.h).
struct Embeddings {
  Weight words;                 ///< [V, C]
  Weight positions;             ///< [P, C]
  int32_t position_offset = 0;  ///< RoBERTa: padding_idx + 1; BERT: 0
  int32_t uncounted_id = -1;    ///< RoBERTa: the pad token, in a text too; -1: every token counts
  Weight token_types;           ///< [token types, C]; empty name: none
  LayerNorm norm;
};

/// Absolute softmax attention: softmax(q k^T * scale) v per head, nothing masked within a sequence.
struct SelfAttention {
  Dense query, key, value, output;
  int32_t heads = 0;
  int32_t head_dim = 0;
  double scale = 0;  ///< 1 / sqrt(head_dim)
};

struct FeedForward {
  Dense up;
  Activation activation = Activation::kGelu;
  Dense down;
};

/// Post-norm block: x = norm1(x + attention(x)); x = norm2(x + ffn(x)).
struct Block {
  SelfAttention attention;
  LayerNorm attention_norm;
  FeedForward ffn;
  LayerNorm ffn_norm;
};

/// Which rows of the last block reach the head.
enum class Pooling {
  kFirstToken,  ///< the first token of each sequence, so the last block needs only that row's query
};

/// One step of the head: activation(dense(x)).
struct HeadStep {
  Dense dense;
  Activation activation = Activation::kNone;
};

struct Network {
  std::string architecture;  ///< config.json's model_type: "roberta", "camembert"
  int32_t vocab_size = 0;
  int32_t hidden_size = 0;
  int32_t intermediate_size = 0;
  int32_t max_tokens = 0;   ///< longest sequence that the position table serves
  int32_t token_types = 0;  ///< rows of the token type table; 1 means that the input needs none
  int32_t pad_token_id = 0;
  Embeddings embeddings;
  std::vector<Block> blocks;
  Pooling pooling = Pooling::kFirstToken;
  std::vector<HeadStep> head;  ///< empty: an encoder, whose output is the pooled hidden state [B, C]
  int32_t outputs = 0;         ///< K labels, or C without a head
};

/// Visits every weight once, in the order of the forward pass.
void for_each_weight(const Network& network, FunctionRef<void(const Weight&)> visit);

/// Trainable numbers in all weights.
int64_t parameter_count(const Network& network);

/// Floating-point operations of one sequence of `tokens` tokens (a multiply-add counts 2), with the last block's query,
/// output and feed-forward computed for the pooled rows only. Every engine is measured by this count.
double forward_flops(const Network& network, int32_t tokens);

}  // namespace paceline
