#include "export/network_to_onnx.h"

#include <fmt/format.h>

#include "export/onnx_attention.h"
#include "export/onnx_builder.h"
#include "export/onnx_layers.h"
#include "export/onnx_rows.h"
#include "export/overflow.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using Value = OnnxBuilder::Value;

class Walk {
 public:
  Walk(const Checkpoint& checkpoint, const OnnxExportOptions& options)
      : checkpoint_(checkpoint),
        network_(checkpoint.network()),
        options_(options),
        input_type_(options.input_dtype == "int32" ? OnnxType::kInt32 : OnnxType::kInt64),
        graph_(checkpoint, resolve_opset(options), network_.architecture),
        layers_(checkpoint, graph_, options.int8_weights),
        rows_(graph_, network_, options.form),
        attention_(graph_, layers_, rows_, network_),
        may_lose_numbers_(options.compute_type == "int8" && !stays_finite(network_, largest_weight(checkpoint))) {}

  OnnxModel build() {
    declare_inputs();
    rows_.describe(ids_, mask_);
    Value x = embeddings();
    bool pooled = false;
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      graph_.enter(fmt::format("/layer.{}", i));
      const bool last = i + 1 == network_.layers.size();
      const Value convolution = i == 0 && network_.convolution.exists() ? convolve(x) : Value();
      pooled = last && network_.pools_one_row();
      x = block(x, network_.layer(i), pooled);
      if (!convolution.empty()) {
        x = layers_.layer_norm(graph_.node("Add", "convolution/residual", {x, convolution}), network_.convolution.norm,
                               "convolution/norm");
      }
    }
    graph_.enter("/head");
    x = layers_.layer_norm(x, network_.final_norm, "final_norm");
    if (!pooled) x = rows_.pooled(x, network_.hidden_size, ids_);
    for (std::size_t i = 0; i < network_.head.size(); ++i) {
      x = layers_.dense(x, network_.head[i].dense, fmt::format("dense.{}", i));
      x = layers_.activation(x, network_.head[i].activation, fmt::format("activation.{}", i));
      x = layers_.layer_norm(x, network_.head[i].norm, fmt::format("norm.{}", i));
    }
    x = with_lost_numbers(x);
    graph_.output(x, options_.output_name, {"batch", int64_t{network_.outputs}});
    return graph_.take();
  }

 private:
  void declare_inputs() {
    ids_ = graph_.input(options_.input_ids_name, input_type_, {"batch", "sequence"});
    mask_ = graph_.input(options_.attention_mask_name, input_type_, {"batch", "sequence"});
    if (reads_token_types(network_))
      types_ = graph_.input(options_.token_type_ids_name, input_type_, {"batch", "sequence"});
    graph_.reserve_output(options_.output_name);
  }

  // [N, C]
  Value embeddings() {
    graph_.enter("/embeddings");
    const Embeddings& embeddings = network_.embeddings;
    const bool typed = reads_token_types(network_) && embeddings.token_types.exists();
    const bool by_content = embeddings.uncounted_id >= 0;
    Value x = graph_.node("Gather", "words", {graph_.weight(embeddings.words), rows_.of_tokens(ids_, "ids")});
    if (embeddings.positions.exists()) {
      x = graph_.node("Add", "with_positions", {x, by_content ? positions_by_content() : positions_in_order()});
    }
    if (typed) {
      const Value types = graph_.node("Gather", "token_types",
                                      {graph_.weight(embeddings.token_types), rows_.of_tokens(types_, "type_ids")});
      x = graph_.node("Add", "with_types", {x, types});
    } else if (embeddings.token_types.exists() && !folds_token_type()) {
      std::vector<float> first = checkpoint_.values(embeddings.token_types);
      first.resize(static_cast<std::size_t>(network_.embedding_size()));
      x = graph_.node("Add", "with_type",
                      {x, graph_.floats(embeddings.token_types.name + ".first", {network_.embedding_size()}, first)});
    }
    if (!embeddings.project_first) x = layers_.layer_norm(x, embeddings.norm, "norm");
    if (!rows_.unpadded()) x = rows_.flat(x, network_.embedding_size(), "rows");
    if (embeddings.projection.exists()) x = product(x, embeddings.projection, "projection");
    if (embeddings.project_first) x = layers_.layer_norm(x, embeddings.norm, "norm");
    return x;
  }

  /// Whether the table of positions holds the only token type already.
  bool folds_token_type() const {
    const Embeddings& embeddings = network_.embeddings;
    return embeddings.positions.exists() && !(rows_.portable() && embeddings.uncounted_id >= 0);
  }

  // The first S rows of the position table, into which its offset and the only token type are folded; [S, E] or [T, E].
  Value positions_in_order() {
    const Value table = folded_positions(network_.embeddings.position_offset);
    const Value& sequence = rows_.sequence();
    if (!rows_.unpadded()) {
      return graph_.node("Slice", "positions", {table, graph_.integers({0}), sequence, graph_.integers({0})});
    }
    return graph_.node("Gather", "positions", {table, graph_.node("Mod", "places", {rows_.real_rows(), sequence})});
  }

  // The rows of the position table from `first_row` on that a sequence can take.
  Value folded_positions(int32_t first_row) {
    const Embeddings& embeddings = network_.embeddings;
    const auto width = static_cast<std::size_t>(network_.embedding_size());
    const int32_t rows = network_.max_tokens + embeddings.position_offset - first_row;
    const auto first = static_cast<std::size_t>(first_row) * width;
    const auto size = static_cast<std::size_t>(rows) * width;
    const std::vector<float> all = checkpoint_.values(embeddings.positions);
    std::vector<float> table(all.begin() + static_cast<std::ptrdiff_t>(first),
                             all.begin() + static_cast<std::ptrdiff_t>(first + size));
    if (!reads_token_types(network_) && embeddings.token_types.exists()) {
      const std::vector<float> type = checkpoint_.values(embeddings.token_types);
      for (std::size_t i = 0; i < table.size(); ++i) table[i] += type[i % width];
    }
    return graph_.floats(embeddings.positions.name + ".folded", {rows, network_.embedding_size()}, table);
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
    if (!rows_.portable()) {
      return graph_.node("Gather", "positions",
                         {folded_positions(padding_row), rows_.of_tokens(places, "places_of_rows")});
    }
    const Value rows = graph_.node("Add", "position_rows", {places, graph_.integer(padding_row, input_type_)});
    return graph_.node("Gather", "positions", {graph_.weight(network_.embeddings.positions), rows});
  }

  // Bytes have no NaN: what overflows before it is quantised would give finite answers. The residual keeps it of a
  // token itself; what only other rows or later layers would see is watched. That takes time, so it is done only
  // where the weights are large enough for an overflow.
  void watch(const Value& x, std::string_view name) {
    if (!may_lose_numbers_) return;
    watched_.push_back(graph_.node("ReduceSum", name, {x}, {{"keepdims", int64_t{0}}}));
  }

  // Zero times the sums is zero, or NaN where one is NaN or infinite.
  Value with_lost_numbers(const Value& logits) {
    if (watched_.empty()) return logits;
    const Value nothing =
        graph_.node("Mul", "watched/nothing", {graph_.node("Sum", "watched/sum", watched_), graph_.number(0)});
    return graph_.node("Add", "watched", {logits, nothing});
  }

  // A dense layer of a block; those of the head stay in fp32.
  Value product(const Value& x, const Dense& layer, std::string_view name) {
    return options_.compute_type == "int8" ? layers_.dense_int8(x, layer, name) : layers_.dense(x, layer, name);
  }

  // The last layer computes what is pooled and no more: keys and values of every token, the rest for pooled rows; where
  // attention depends on places, the queries too.
  Value block(const Value& x, const Block& block, bool pooled) {
    const Value normed = block.norm_before ? layers_.layer_norm(x, block.attention_norm, "attention/norm") : x;
    const SelfAttention& attention = block.attention;
    const bool reduced = pooled && OnnxAttention::knows_no_places(network_, attention);
    const Value residual = pooled ? rows_.pooled(x, network_.hidden_size, ids_) : x;
    const Value asking = !reduced            ? normed
                         : block.norm_before ? rows_.pooled(normed, network_.hidden_size, ids_)
                                             : residual;
    if (pooled) watch(normed, "attention/watched_input");
    const Value queries = product(asking, attention.query, "attention/query");
    Value context = attention_.attend({.query = queries,
                                       .key = product(normed, attention.key, "attention/key"),
                                       .value = product(normed, attention.value, "attention/value"),
                                       .reduced = reduced},
                                      attention, types_);
    if (pooled && !reduced) context = rows_.pooled(context, attention.heads * attention.head_dim, ids_);
    watch(context, "attention/watched");
    Value y = product(context, attention.output, "attention/output");
    y = graph_.node("Add", "attention/residual", {y, residual});
    if (!block.norm_before) y = layers_.layer_norm(y, block.attention_norm, "attention/norm");
    const Value inner = block.norm_before ? layers_.layer_norm(y, block.ffn_norm, "ffn/norm") : y;
    const Value z = graph_.node("Add", "ffn/residual", {feed_forward(inner, block.ffn), y});
    return block.norm_before ? z : layers_.layer_norm(z, block.ffn_norm, "ffn/norm");
  }

  Value feed_forward(const Value& x, const FeedForward& ffn) {
    Value inner = layers_.activation(product(x, ffn.up, "ffn/up"), ffn.activation, "ffn/activation");
    if (ffn.gate.exists()) inner = graph_.node("Mul", "ffn/gated", {inner, product(x, ffn.gate, "ffn/gate")});
    watch(inner, "ffn/watched");
    return product(inner, ffn.down, "ffn/down");
  }

  // Along the tokens; padding counts as zeros. [N, C]
  Value convolve(const Value& x) {
    const Convolution& layer = network_.convolution;
    const Value padded = rows_.padded(x, network_.hidden_size, "convolution/padded");
    const Value real =
        graph_.node("Mul", "convolution/real", {padded, graph_.unsqueeze(rows_.real(), {2}, "convolution/mask")});
    std::vector<Value> inputs{graph_.transpose(real, {0, 2, 1}, "convolution/in"), graph_.weight(layer.weight)};
    if (layer.bias.exists()) inputs.push_back(graph_.weight(layer.bias));
    const int64_t side = layer.kernel / 2;
    const Value y = graph_.node("Conv", "convolution", std::move(inputs),
                                {{"group", int64_t{layer.groups}}, {"pads", std::vector<int64_t>{side, side}}});
    const Value rows =
        rows_.packed(graph_.transpose(y, {0, 2, 1}, "convolution/out"), network_.hidden_size, "convolution/rows");
    return layers_.activation(rows, layer.activation, "convolution/activation");
  }

  const Checkpoint& checkpoint_;
  const Network& network_;
  const OnnxExportOptions& options_;
  OnnxType input_type_;
  OnnxBuilder graph_;
  OnnxLayers layers_;
  OnnxRows rows_;
  OnnxAttention attention_;
  bool may_lose_numbers_;
  Value ids_, mask_, types_;    // [B, S]
  std::vector<Value> watched_;  // sums of what is quantised
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
