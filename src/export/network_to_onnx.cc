#include "export/network_to_onnx.h"

#include <fmt/format.h>

#include <limits>

#include "export/onnx_builder.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using Value = OnnxBuilder::Value;

// Dense layers work on rows, [N, C]: one row for each token of the padded rectangle, or, where the form is unpadded,
// for each real token. ONNX Runtime runs Gemm with its bias on two dimensions faster than MatMul and Add on three, and
// fuses nothing slower into them. Only attention sees [B, S, C].
class Walk {
 public:
  Walk(const Checkpoint& checkpoint, const OnnxExportOptions& options)
      : checkpoint_(checkpoint),
        network_(checkpoint.network()),
        options_(options),
        input_type_(options.input_dtype == "int32" ? OnnxType::kInt32 : OnnxType::kInt64),
        graph_(checkpoint, resolve_opset(options), network_.architecture) {}

  OnnxModel build() {
    declare_inputs();
    describe_rows();
    Value x = embeddings();
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      graph_.enter(fmt::format("/layer.{}", i));
      x = block(x, network_.layer(i), i + 1 == network_.layers.size());
    }
    graph_.enter("/head");
    for (std::size_t i = 0; i < network_.head.size(); ++i) {
      x = graph_.dense(x, network_.head[i].dense, fmt::format("dense.{}", i));
      x = graph_.activation(x, network_.head[i].activation, fmt::format("activation.{}", i));
    }
    graph_.output(x, options_.output_name, {"batch", int64_t{network_.outputs}});
    return graph_.take();
  }

 private:
  bool unpadded() const { return options_.form == OnnxForm::kUnpadded; }
  bool portable() const { return options_.form == OnnxForm::kPortable; }
  bool reads_token_types() const { return network_.token_types > 1; }

  void declare_inputs() {
    ids_ = graph_.input(options_.input_ids_name, input_type_, {"batch", "sequence"});
    mask_ = graph_.input(options_.attention_mask_name, input_type_, {"batch", "sequence"});
    if (reads_token_types()) types_ = graph_.input(options_.token_type_ids_name, input_type_, {"batch", "sequence"});
    graph_.reserve_output(options_.output_name);
  }

  // Sizes, masks and row numbers that every block uses.
  void describe_rows() {
    graph_.enter("/rows");
    batch_ = graph_.dimension(ids_, 0, "batch");
    sequence_ = graph_.dimension(ids_, 1, "sequence");
    sequences_shape_ = graph_.node("Concat", "sequences_shape", {batch_, graph_.integers({-1, network_.hidden_size})},
                                   {{"axis", int64_t{0}}});
    const Value real = graph_.cast(mask_, OnnxType::kFloat, "real");
    const Value padding = graph_.node("Sub", "padding", {graph_.number(1.0F), real});
    // As transformers does: the lowest float absorbs any score, so that padding weighs exactly nothing.
    const Value lowest = graph_.number(std::numeric_limits<float>::lowest());
    key_bias_ = graph_.unsqueeze(graph_.node("Mul", "bias", {padding, lowest}), {1, 2}, "key_bias");
    if (!portable()) {
      // ONNX Runtime refuses a mask that broadcasts along the queries, though the standard allows it.
      const Value square = graph_.node("Concat", "square", {graph_.integers({1, 1}), sequence_, graph_.integers({1})},
                                       {{"axis", int64_t{0}}});
      square_bias_ = graph_.node("Expand", "square_bias", {key_bias_, square});
    }
    if (unpadded()) number_real_rows();
  }

  // real_rows_ [T]: where each real token stands in the flattened rectangle. packed_rows_ [B, S]: the way back, the
  // row of each place among the real ones; padding points at some real row, which the mask hides.
  void number_real_rows() {
    const Value mask = graph_.cast(mask_, OnnxType::kInt64, "mask");
    const Value flat = graph_.node("Reshape", "flat_mask", {mask, graph_.integers({-1})});
    real_rows_ = graph_.node("Reshape", "real", {graph_.node("NonZero", "nonzero", {flat}), graph_.integers({-1})});
    const Value count = graph_.node("CumSum", "count", {flat, graph_.integer(0)});
    const Value index =
        graph_.node("Max", "index", {graph_.node("Sub", "last", {count, graph_.integer(1)}), graph_.integer(0)});
    packed_rows_ = graph_.node("Reshape", "packed", {index, graph_.node("Shape", "shape", {mask})});
    first_rows_ = graph_.node("Gather", "first", {packed_rows_, graph_.integer(0)}, {{"axis", int64_t{1}}});
  }

  // [N, C]
  Value embeddings() {
    graph_.enter("/embeddings");
    const Embeddings& embeddings = network_.embeddings;
    Value x = graph_.node("Gather", "words", {graph_.weight(embeddings.words), of_rows(ids_, "ids")});
    const bool by_content = embeddings.uncounted_id >= 0;
    x = graph_.node("Add", "with_positions", {x, by_content ? positions_by_content() : positions_in_order()});
    if (reads_token_types()) {
      const Value types =
          graph_.node("Gather", "token_types", {graph_.weight(embeddings.token_types), of_rows(types_, "type_ids")});
      x = graph_.node("Add", "with_types", {x, types});
    } else if (portable() && by_content && !embeddings.token_types.name.empty()) {
      x = graph_.node("Add", "with_type", {x, graph_.weight(embeddings.token_types)});
    }
    x = graph_.layer_norm(x, embeddings.norm, "norm");
    return unpadded() ? x : rows(x, "rows");
  }

  // An input [B, S], or its real tokens [T] where the form is unpadded.
  Value of_rows(const Value& input, std::string_view name) {
    if (!unpadded()) return input;
    const Value flat = graph_.node("Reshape", fmt::format("{}/flat", name), {input, graph_.integers({-1})});
    return graph_.node("Gather", name, {flat, real_rows_});
  }

  // The first S rows of the position table, into which its offset and the only token type are folded; [S, C] or [T, C].
  Value positions_in_order() {
    const Value table = folded_positions(network_.embeddings.position_offset);
    if (!unpadded()) {
      return graph_.node("Slice", "positions", {table, graph_.integers({0}), sequence_, graph_.integers({0})});
    }
    return graph_.node("Gather", "positions", {table, graph_.node("Mod", "places", {real_rows_, sequence_})});
  }

  // The rows of the position table from `first_row` on that a sequence can take.
  Value folded_positions(int32_t first_row) {
    const Embeddings& embeddings = network_.embeddings;
    const auto width = static_cast<std::size_t>(network_.hidden_size);
    const int32_t rows = network_.max_tokens + embeddings.position_offset - first_row;
    const auto first = static_cast<std::size_t>(first_row) * width;
    const auto size = static_cast<std::size_t>(rows) * width;
    const std::vector<float> all = checkpoint_.values(embeddings.positions);
    std::vector<float> table(all.begin() + static_cast<std::ptrdiff_t>(first),
                             all.begin() + static_cast<std::ptrdiff_t>(first + size));
    if (!reads_token_types() && !embeddings.token_types.name.empty()) {
      const std::vector<float> type = checkpoint_.values(embeddings.token_types);
      for (std::size_t i = 0; i < table.size(); ++i) table[i] += type[i % width];
    }
    return graph_.floats(embeddings.positions.name + ".folded", {rows, network_.hidden_size}, table);
  }

  // As transformers counts for RoBERTa: a pad token, in a text or on either side of it, takes the table's padding row
  // and is not counted.
  Value positions_by_content() {
    const Value pad = graph_.integer(network_.embeddings.uncounted_id, input_type_);
    const Value is_real = graph_.node("Not", "is_real", {graph_.node("Equal", "is_padding", {ids_, pad})});
    const Value real = graph_.cast(is_real, input_type_, "real");
    const Value count = graph_.node("CumSum", "count", {real, graph_.integer(1)});
    const Value places = graph_.node("Mul", "places", {count, real});
    const int32_t padding_row = network_.embeddings.position_offset - 1;
    if (!portable()) {
      return graph_.node("Gather", "positions", {folded_positions(padding_row), of_rows(places, "places_of_rows")});
    }
    const Value rows = graph_.node("Add", "position_rows", {places, graph_.integer(padding_row, input_type_)});
    return graph_.node("Gather", "positions", {graph_.weight(network_.embeddings.positions), rows});
  }

  // A dense layer of a block; those of the head stay in fp32.
  Value product(const Value& x, const Dense& layer, std::string_view name) {
    return options_.compute_type == "int8" ? graph_.dense_int8(x, layer, name) : graph_.dense(x, layer, name);
  }

  // The last block computes what is pooled and no more: keys and values of every token, the rest for pooled rows.
  Value block(const Value& x, const Block& block, bool last) {
    const Value query = last ? pooled(x) : x;
    const Value context = attention(query, x, block.attention, last);
    Value y = product(context, block.attention.output, "attention/output");
    y = graph_.layer_norm(graph_.node("Add", "attention/residual", {y, query}), block.attention_norm, "attention/norm");
    Value z = product(y, block.ffn.up, "ffn/up");
    z = product(graph_.activation(z, block.ffn.activation, "ffn/activation"), block.ffn.down, "ffn/down");
    return graph_.layer_norm(graph_.node("Add", "ffn/residual", {z, y}), block.ffn_norm, "ffn/norm");
  }

  // [N, C] -> [B, C]
  Value pooled(const Value& x) {
    switch (network_.pooling) {
      case Pooling::kFirstToken:
        if (unpadded()) return graph_.node("Gather", "pooled", {x, first_rows_});
        return graph_.node("Gather", "pooled", {sequences(x, "sequences"), graph_.integer(0)}, {{"axis", int64_t{1}}});
      case Pooling::kLastToken:
      case Pooling::kMean:
        break;
    }
    throw Error(ErrorCode::kInternal, "[export onnx] A pooling has no ONNX form.");
  }

  // Rows of `query` attend to rows of `x` of the same sequence; `reduced` where the queries are one row a sequence.
  Value attention(const Value& query, const Value& x, const SelfAttention& layer, bool reduced) {
    const Value q = product(query, layer.query, "attention/query");
    const Value k = product(x, layer.key, "attention/key");
    const Value v = product(x, layer.value, "attention/value");
    if (portable()) return decomposed_attention(q, k, v, layer);
    const Value context = graph_.node(
        "Attention", "attention/context",
        {reduced ? sequences(q, "attention/query/sequences") : padded(q, "attention/query/padded"),
         padded(k, "attention/key/padded"), padded(v, "attention/value/padded"), reduced ? key_bias_ : square_bias_},
        {{"q_num_heads", int64_t{layer.heads}},
         {"kv_num_heads", int64_t{layer.heads}},
         {"scale", static_cast<float>(layer.scale)}});
    const Value flat = rows(context, "attention/rows");
    return unpadded() && !reduced ? graph_.node("Gather", "attention/packed", {flat, real_rows_}) : flat;
  }

  Value decomposed_attention(const Value& q, const Value& k, const Value& v, const SelfAttention& layer) {
    const Value queries = heads(q, layer, {0, 2, 1, 3}, "attention/query");
    const Value keys = heads(k, layer, {0, 2, 3, 1}, "attention/key");
    const Value values = heads(v, layer, {0, 2, 1, 3}, "attention/value");
    Value scores = graph_.node("MatMul", "attention/products", {queries, keys});
    scores = graph_.node("Mul", "attention/scores", {scores, graph_.number(static_cast<float>(layer.scale))});
    scores = graph_.node("Add", "attention/masked", {scores, key_bias_});
    // The axis is named: before opset 13 the default is another, and the last axis means the same in all of them.
    const Value weights = graph_.node("Softmax", "attention/weights", {scores}, {{"axis", int64_t{3}}});
    const Value context = graph_.node("MatMul", "attention/context", {weights, values});
    const std::vector<int64_t> back{0, 2, 1, 3};
    return graph_.node("Reshape", "attention/rows",
                       {graph_.node("Transpose", "attention/joined", {context}, {{"perm", back}}),
                        graph_.integers({-1, int64_t{layer.heads} * layer.head_dim})});
  }

  // [B * n, H * D] -> [B, n, H, D], transposed.
  Value heads(const Value& x, const SelfAttention& layer, std::vector<int64_t> perm, const std::string& name) {
    const Value shape =
        graph_.node("Concat", name + "/shape", {batch_, graph_.integers({-1, layer.heads, layer.head_dim})},
                    {{"axis", int64_t{0}}});
    return graph_.node("Transpose", name + "/heads", {graph_.node("Reshape", name + "/split", {x, shape})},
                       {{"perm", std::move(perm)}});
  }

  // [B, n, C] -> [B * n, C]
  Value rows(const Value& x, std::string_view name) {
    return graph_.node("Reshape", name, {x, graph_.integers({-1, network_.hidden_size})});
  }

  // [B * n, C] -> [B, n, C]
  Value sequences(const Value& x, std::string_view name) { return graph_.node("Reshape", name, {x, sequences_shape_}); }

  // Rows of all tokens -> [B, S, C]
  Value padded(const Value& x, std::string_view name) {
    return unpadded() ? graph_.node("Gather", name, {x, packed_rows_}) : sequences(x, name);
  }

  const Checkpoint& checkpoint_;
  const Network& network_;
  const OnnxExportOptions& options_;
  OnnxType input_type_;
  OnnxBuilder graph_;
  Value ids_, mask_, types_;                    // [B, S]
  Value batch_, sequence_;                      // [1]
  Value key_bias_;                              // [B, 1, 1, S]: 0, or the lowest float for padding
  Value square_bias_;                           // [B, 1, S, S]
  Value real_rows_, packed_rows_, first_rows_;  // [T], [B, S], [B]
  Value sequences_shape_;                       // B, -1, C
};

}  // namespace

int resolve_opset(const OnnxExportOptions& options) {
  constexpr int kAttentionOpset = 23;
  if (options.form == OnnxForm::kPortable) {
    const int opset = options.opset == 0 ? 17 : options.opset;
    if (opset >= 11 && opset <= 21) return opset;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[export onnx] --opset {} was given, the portable form is written for 11 to 21. Leave the "
                            "option out for 17.",
                            opset));
  }
  if (options.opset == 0 || options.opset == kAttentionOpset) return kAttentionOpset;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[export onnx] --opset {} was given, the {} form needs 23, where Attention is an operator. "
                          "Use --form portable for opsets 11 to 21.",
                          options.opset, onnx_form_name(options.form)));
}

OnnxModel network_to_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options, const std::string& hash) {
  if (options.input_dtype != "int64" && options.input_dtype != "int32") {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[export onnx] The input dtype \"{}\" was given, int64 or int32 was expected. Most tools "
                            "feed int64.",
                            options.input_dtype));
  }
  if (options.compute_type != "fp32" && options.compute_type != "int8") {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[export onnx] The compute type \"{}\" was given, fp32 or int8 was expected.",
                            options.compute_type));
  }
  OnnxModel model = Walk(checkpoint, options).build();
  model.metadata.emplace_back("paceline_checkpoint", hash);
  model.metadata.emplace_back("paceline_form", onnx_form_name(options.form));
  model.metadata.emplace_back("paceline_compute_type", options.compute_type);
  if (checkpoint.random_weights()) model.metadata.emplace_back("paceline_random_weights", "true");
  return model;
}

}  // namespace paceline
