#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/function_ref.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// What a model is, as data: every engine walks this once, none knows an architecture by name.
/// Weights are named as in the checkpoint; shapes are what the checkpoint must hold. An empty name says that the
/// network has no such weight.

/// Element-wise functions, each exactly as the Hugging Face config names it.
enum class Activation {
  kNone,
  kGelu,      ///< 0.5 x (1 + erf(x / sqrt 2))
  kGeluTanh,  ///< 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): gelu_new, gelu_pytorch_tanh and gelu_fast
  kTanh,
  kRelu,
  kSilu,  ///< x / (1 + exp(-x))
  kMish,  ///< x tanh(log(1 + exp(x)))
};

std::string_view activation_name(Activation activation);

/// A tensor of the checkpoint and the shape it must have. Its constructor is there for GCC 12, which in nested braces
/// frees the parts of an aggregate twice where an allocation fails.
struct Weight {
  Weight() = default;
  Weight(std::string name_of, Shape shape_of, int32_t padding = -1)
      : name(std::move(name_of)), shape(std::move(shape_of)), padding_row(padding) {}

  std::string name{};
  Shape shape{};
  int32_t padding_row = -1;  ///< of a table: the row that no text trains, nn.Embedding's padding_idx; -1: none
  bool trained = true;       ///< false: training leaves it as it is

  bool exists() const { return !name.empty(); }
};

/// y = x W^T + b with W [out, in]. One tensor may hold the outputs of several layers side by side: this layer's are
/// those from `first` on, of the weight and of the bias. read_dense_rows (dense_rows.h) reads any of these forms.
struct Dense {
  Weight weight{};
  Weight bias{};
  int32_t in = 0;
  int32_t out = 0;
  int32_t first = 0;
  bool transposed = false;  ///< stored as [in, outputs]

  bool exists() const { return weight.exists(); }
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axis.
struct LayerNorm {
  Weight scale{};
  Weight bias{};
  double epsilon = 0;

  bool exists() const { return scale.exists(); }
};

/// x = words[id] + positions[row] + token_types[type], row = place + position_offset, where the place is a token's
/// number in its sequence; tokens that are not counted take row position_offset - 1 (position_rows.h). Then the norm
/// and the projection from E to C, in the order that `project_first` says.
struct Embeddings {
  Weight words{};               ///< [V, E]
  Weight positions{};           ///< [P, E]
  int32_t position_offset = 0;  ///< RoBERTa: padding_idx + 1; BERT: 0
  int32_t uncounted_id = -1;    ///< RoBERTa: the pad token, in a text too; -1: every token counts
  Weight token_types{};         ///< [token types or more, E]; XLM and GPT-2 read theirs from the table of words
  LayerNorm norm{};
  Dense projection{};          ///< [E -> C]; without one E is C
  bool project_first = false;  ///< before the norm
};

/// How scores depend on the way from a query to a key: on distance = place of the key - place of the query.
enum class RelativeKind {
  kNone,
  kBias,      ///< MPNet: adds table[row(distance), head] to the scaled score
  kLearned,   ///< DeBERTa: adds products with projected rows of a table to the score: see SelfAttention
  kSinusoid,  ///< XLNet: the same with rows of sines and cosines
};
struct RelativePositions {
  RelativeKind kind = RelativeKind::kNone;
  Weight table{};            ///< kBias: [buckets, heads]; kLearned: [2 span or more, C]
  LayerNorm norm{};          ///< of the table's rows
  int32_t buckets = 0;       ///< kBias: rows of the table; kLearned: the first distances that share a row, 0: none do
  int32_t max_distance = 0;  ///< from which on all share the last row; kSinusoid: clamp_len, 0: none do
  int32_t span = 0;          ///< kLearned: rows on either side of distance 0
};

/// Rotary positions: turns halves of q and k, pair d by place * frequencies[d], and scales both by `factor`.
struct Rotary {
  std::vector<double> frequencies{};  ///< [head_dim / 2]; empty: does not
  double factor = 1;                  ///< of the cosines and sines

  bool exists() const { return !frequencies.empty(); }
  double cosine(int32_t place, std::size_t d) const;
  double sine(int32_t place, std::size_t d) const;
  auto operator<=>(const Rotary&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};

/// softmax(scale * score + bias) v per head over the keys that a query sees. score = q k^T and, for relative
/// attention of the kinds kLearned and kSinusoid, (q + position_bias - content_bias) . position_key[row] and
/// k . position_query[row]; XLNet adds (q + segment_bias - content_bias) . segments[1 where the token types differ].
/// The query's content_bias is added to q first.
struct SelfAttention {
  Dense query{}, key{}, value{}, output{};
  int32_t heads = 0;
  int32_t head_dim = 0;
  double scale = 0;  ///< 1 / sqrt(head_dim), by and large

  int32_t visible_before = -1;  ///< keys before the query's place that it sees; -1: all
  int32_t visible_after = -1;   ///< and behind it; 0: causal
  Rotary rotary{};

  Dense position_key{};    ///< [C -> H D] of the relative positions' rows
  Dense position_query{};  ///< [C -> H D]
  Weight content_bias{};   ///< [H, D]
  Weight position_bias{};  ///< [H, D]
  Weight segment_bias{};   ///< [H, D]
  Weight segments{};       ///< [2, H, D]
};

/// The keys that a query sees: places [begin, end).
struct VisibleKeys {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t size() const { return end - begin; }
};
VisibleKeys visible_keys(const SelfAttention& attention, int32_t place, int32_t tokens);

/// Queries and keys that they see, in a sequence of so many tokens.
double visible_pairs(const SelfAttention& attention, int32_t tokens);

/// down(activation(up(x))), or down(activation(up(x)) * gate(x)).
struct FeedForward {
  Dense up{};
  Dense gate{};
  Activation activation = Activation::kGelu;
  Dense down{};
};

/// With the norms behind:  x = norm1(x + attention(x)); x = norm2(x + ffn(x)).
/// With the norms before:  x = x + attention(norm1(x)); x = x + ffn(norm2(x)). A norm that does not exist does nothing.
struct Block {
  SelfAttention attention{};
  LayerNorm attention_norm{};
  FeedForward ffn{};
  LayerNorm ffn_norm{};
  bool norm_before = false;
};

/// DeBERTa's, behind the first layer: x = norm(layer(x0) + activation(convolution of x0)), where x0 is what the layer
/// read, along the tokens of a sequence with zeros on both sides.
struct Convolution {
  Weight weight{};  ///< [C, C / groups, kernel]
  Weight bias{};    ///< [C]
  int32_t kernel = 0;
  int32_t groups = 1;
  Activation activation = Activation::kTanh;
  LayerNorm norm{};

  bool exists() const { return weight.exists(); }
};

/// Which rows of the last layer reach the head.
enum class Pooling {
  kFirstToken,
  kLastToken,  ///< the last token that is not Network::pooling_skips; the first where all are
  kMean,       ///< of all tokens
};

/// One step of the head: norm(activation(dense(x))).
struct HeadStep {
  Dense dense{};
  Activation activation = Activation::kNone;
  LayerNorm norm{};
  double dropout = 0;  ///< of what it reads: see Dropout
};

/// Shares of numbers that training sets to zero, others in each pass; what is left grows by 1 / (1 - share). Read by
/// nobody else.
struct Dropout {
  double embeddings = 0;        ///< behind their norm, before a projection that follows
  double positions = 0;         ///< of the relative positions' table: kSinusoid once, kLearned in each layer
  double attention = 0;         ///< of the probabilities
  double attention_output = 0;  ///< of what attention adds
  double ffn_inner = 0;         ///< of what FeedForward::down reads
  double ffn_output = 0;        ///< of what the feed-forward adds
  double convolution = 0;       ///< before its activation
  double layers = 0;            ///< of the layers, each left out as a whole
  double last = 0;              ///< behind the last layer and its norm
  double logits = 0;
};

/// What a model does where nothing hands it token types.
enum class WithoutTypes {
  kFirst,    ///< takes every token to be of type 0: BERT and its kin
  kNothing,  ///< adds no term for types: XLM, FlauBERT, GPT-2, XLNet
};

struct Network {
  std::string architecture{};  ///< config.json's model_type: "roberta", "camembert"
  int32_t vocab_size = 0;
  int32_t hidden_size = 0;  ///< C
  int32_t intermediate_size = 0;
  int32_t max_tokens = 0;   ///< longest sequence that the position table serves
  int32_t token_types = 0;  ///< that an input names; 1: the model is handed none, or there is only one
  WithoutTypes without_types = WithoutTypes::kFirst;
  int32_t pad_token_id = 0;
  Embeddings embeddings{};
  RelativePositions relative{};
  std::vector<Block> blocks{};    ///< distinct weights
  std::vector<int32_t> layers{};  ///< the block that each layer runs
  Convolution convolution{};
  LayerNorm final_norm{};  ///< behind the last layer
  Pooling pooling = Pooling::kFirstToken;
  int32_t pooling_skips = -1;
  std::vector<HeadStep> head{};  ///< empty: an encoder, whose output is the pooled hidden state [B, C]
  Dropout dropout{};
  int32_t outputs = 0;  ///< K labels, or C without a head

  int32_t embedding_size() const { return static_cast<int32_t>(embeddings.words.shape.back()); }  ///< E
  /// Whether the last layer need compute one row of each sequence only.
  bool pools_one_row() const { return pooling != Pooling::kMean && !(convolution.exists() && layers.size() == 1); }
  const Block& layer(std::size_t index) const { return blocks[static_cast<std::size_t>(layers[index])]; }
};

/// The place of the token whose row reaches the head, in a sequence of these tokens, at least one. Not for kMean.
int32_t pooled_place(const Network& network, std::span<const int32_t> ids);

/// Rows of the relative positions' table that a sequence of so many tokens meets at most.
double position_rows_met(const RelativePositions& relative, int32_t tokens);

/// Visits every tensor once, in the order in which the forward pass first reads it.
void for_each_weight(const Network& network, FunctionRef<void(const Weight&)> visit);

/// Visits every dense layer, once for each place where it stands.
void for_each_dense(const Network& network, FunctionRef<void(const Dense&)> visit);

/// Whether it tells token types apart, where a text has any.
inline bool reads_token_types(const Network& network) { return network.token_types > 1; }

/// Makes it what it is to a tokenizer that hands out no token types, as `without_types` says.
void leave_out_token_types(Network& network);

/// Trainable numbers in all weights.
int64_t parameter_count(const Network& network);

/// Floating-point operations of one sequence of `tokens` tokens (a multiply-add counts 2), with the last layer's query,
/// output and feed-forward computed for the pooled rows only, and no score that a query does not see. Every engine is
/// measured by this count.
double forward_flops(const Network& network, int32_t tokens);

}  // namespace paceline
