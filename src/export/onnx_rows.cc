#include "export/onnx_rows.h"

#include <fmt/format.h>

#include <limits>

namespace paceline {

void OnnxRows::describe(const Value& ids, const Value& mask) {
  graph_.enter("/rows");
  mask_ = mask;
  batch_ = graph_.dimension(ids, 0, "batch");
  sequence_ = graph_.dimension(ids, 1, "sequence");
  real_ = graph_.cast(mask_, OnnxType::kFloat, "real");
  const Value padding = graph_.node("Sub", "padding", {graph_.number(1.0F), real_});
  // As transformers does: the lowest float absorbs any score, so that padding weighs exactly nothing.
  const Value lowest = graph_.number(std::numeric_limits<float>::lowest());
  key_bias_ = graph_.unsqueeze(graph_.node("Mul", "bias", {padding, lowest}), {1, 2}, "key_bias");
  if (unpadded()) number_real_rows();
}

// ONNX Runtime refuses a mask that broadcasts along the queries, though the standard allows it.
const OnnxRows::Value& OnnxRows::square_bias() {
  if (square_bias_.empty()) {
    const Value square = graph_.concat({graph_.integers({1, 1}), sequence_, graph_.integers({1})}, 0, "square");
    square_bias_ = graph_.node("Expand", "square_bias", {key_bias_, square});
  }
  return square_bias_;
}

const OnnxRows::Value& OnnxRows::places() {
  if (places_.empty()) places_ = graph_.count_up(sequence_, "places");
  return places_;
}

const OnnxRows::Value& OnnxRows::distances() {
  if (distances_.empty()) {
    const Value keys = graph_.unsqueeze(places(), {0}, "key_places");
    const Value queries = graph_.unsqueeze(places(), {1}, "query_places");
    distances_ = graph_.node("Sub", "distances", {keys, queries});
  }
  return distances_;
}

void OnnxRows::number_real_rows() {
  const Value mask = graph_.cast(mask_, OnnxType::kInt64, "mask");
  const Value flat = graph_.node("Reshape", "flat_mask", {mask, graph_.integers({-1})});
  real_rows_ = graph_.node("Reshape", "real_rows", {graph_.node("NonZero", "nonzero", {flat}), graph_.integers({-1})});
  const Value count = graph_.node("CumSum", "count", {flat, graph_.integer(0)});
  const Value index =
      graph_.node("Max", "index", {graph_.node("Sub", "last", {count, graph_.integer(1)}), graph_.integer(0)});
  packed_rows_ = graph_.node("Reshape", "packed", {index, graph_.node("Shape", "shape", {mask})});
}

OnnxRows::Value OnnxRows::of_tokens(const Value& input, std::string_view name) {
  if (!unpadded()) return input;
  const Value flat = graph_.node("Reshape", fmt::format("{}/flat", name), {input, graph_.integers({-1})});
  return graph_.node("Gather", name, {flat, real_rows_});
}

OnnxRows::Value OnnxRows::flat(const Value& x, int32_t width, std::string_view name) {
  return graph_.reshape(x, {-1, width}, name);
}

OnnxRows::Value OnnxRows::sequences(const Value& x, int32_t width, std::string_view name) {
  const Value shape = graph_.concat({batch_, graph_.integers({-1, width})}, 0, fmt::format("{}/shape", name));
  return graph_.node("Reshape", name, {x, shape});
}

OnnxRows::Value OnnxRows::padded(const Value& x, int32_t width, std::string_view name) {
  return unpadded() ? graph_.node("Gather", name, {x, packed_rows_}) : sequences(x, width, name);
}

OnnxRows::Value OnnxRows::packed(const Value& x, int32_t width, std::string_view name) {
  const Value rows = flat(x, width, fmt::format("{}/rows", name));
  return unpadded() ? graph_.node("Gather", name, {rows, real_rows_}) : rows;
}

OnnxRows::Value OnnxRows::pooled(const Value& x, int32_t width, const Value& ids) {
  if (network_.pooling == Pooling::kMean) return mean(x, width);
  if (network_.pooling == Pooling::kFirstToken && !unpadded()) {
    return graph_.node("Gather", "pooled", {sequences(x, width, "pooled/sequences"), graph_.integer(0)},
                       {{"axis", int64_t{1}}});
  }
  if (pooled_rows_.empty()) pooled_rows_ = pooled_rows(ids);
  return graph_.node("Gather", "pooled", {x, pooled_rows_});
}

/// [B]: the row among those of all tokens that the head reads.
OnnxRows::Value OnnxRows::pooled_rows(const Value& ids) {
  Value place;  // [B, 1]
  if (network_.pooling == Pooling::kLastToken) {
    Value counted = graph_.cast(mask_, OnnxType::kInt64, "pooled/mask");
    if (network_.pooling_skips >= 0) {
      const Value wide = graph_.cast(ids, OnnxType::kInt64, "pooled/ids");
      const Value skipped = graph_.node("Equal", "pooled/skipped", {wide, graph_.integer(network_.pooling_skips)});
      const Value kept = graph_.cast(graph_.node("Not", "pooled/kept", {skipped}), OnnxType::kInt64, "pooled/counts");
      counted = graph_.node("Mul", "pooled/counted", {counted, kept});
    }
    const Value numbered = graph_.node("Mul", "pooled/numbered", {counted, places()});
    place = graph_.node("ArgMax", "pooled/place", {numbered}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}});
  }
  if (unpadded()) {
    const Value first =
        graph_.node("Gather", "pooled/first", {packed_rows_, graph_.integer(0)}, {{"axis", int64_t{1}}});
    return place.empty() ? first : graph_.node("Add", "pooled/row", {first, place});
  }
  const Value first = graph_.node("Mul", "pooled/first", {graph_.count_up(batch_, "pooled/texts"), sequence_});
  return place.empty() ? first : graph_.node("Add", "pooled/row", {first, place});
}

OnnxRows::Value OnnxRows::mean(const Value& x, int32_t width) {
  const Value weights = graph_.unsqueeze(real_, {2}, "pooled/weights");
  const Value weighed = graph_.node("Mul", "pooled/weighed", {padded(x, width, "pooled/rows"), weights});
  return graph_.node("Div", "pooled", {graph_.sum(weighed, 1, "pooled/sum"), graph_.sum(weights, 1, "pooled/count")});
}

}  // namespace paceline
