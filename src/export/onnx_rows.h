#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "export/onnx_builder.h"
#include "export/onnx_export.h"
#include "network/network.h"

namespace paceline {

/// Where the rows of a graph stand. Dense layers work on rows, [N, C]: one row for each token of the padded rectangle
/// or, where the form is unpadded, for each real token. ONNX Runtime runs Gemm with its bias on two dimensions faster
/// than MatMul and Add on three, and fuses nothing slower into them. Only attention sees [B, S, C].
class OnnxRows {
 public:
  using Value = OnnxBuilder::Value;

  OnnxRows(OnnxBuilder& graph, const Network& network, OnnxForm form) : graph_(graph), network_(network), form_(form) {}

  /// Of the inputs [B, S]; mask: not 0 where a token is real.
  void describe(const Value& ids, const Value& mask);

  bool unpadded() const { return form_ == OnnxForm::kUnpadded; }
  bool portable() const { return form_ == OnnxForm::kPortable; }

  const Value& batch() const { return batch_; }        ///< [1]
  const Value& sequence() const { return sequence_; }  ///< [1]
  const Value& key_bias() const { return key_bias_; }  ///< [B, 1, 1, S]: 0, or the lowest float for padding
  const Value& square_bias();                          ///< the same as [B, 1, S, S]
  const Value& real() const { return real_; }          ///< [B, S]: 1.0 for a real token, else 0.0
  const Value& real_rows() const { return real_rows_; }
  const Value& places();     ///< [S]
  const Value& distances();  ///< [S, S]: the key's place less the query's

  /// An input [B, S], or its real tokens [T] where the form is unpadded.
  Value of_tokens(const Value& input, std::string_view name);
  /// [B, n, width] or [..., width] -> [B n, width]
  Value flat(const Value& x, int32_t width, std::string_view name);
  /// [B n, width] -> [B, n, width]
  Value sequences(const Value& x, int32_t width, std::string_view name);
  /// Rows of all tokens -> [B, S, width]
  Value padded(const Value& x, int32_t width, std::string_view name);
  /// [B, S, width] -> rows of all tokens
  Value packed(const Value& x, int32_t width, std::string_view name);
  /// Rows of all tokens -> what the head reads of each sequence, [B, width]
  Value pooled(const Value& x, int32_t width, const Value& ids);

 private:
  void number_real_rows();
  Value pooled_rows(const Value& ids);
  Value mean(const Value& x, int32_t width);

  OnnxBuilder& graph_;
  const Network& network_;
  OnnxForm form_;
  Value mask_, real_;             // [B, S]
  Value batch_, sequence_;        // [1]
  Value key_bias_, square_bias_;  // [B, 1, 1, S], [B, 1, S, S]
  Value places_, distances_;      // [S], [S, S]
  Value pooled_rows_;             // [B]
  // real_rows_ [T]: where each real token stands in the flattened rectangle. packed_rows_ [B, S]: the way back, the row
  // of each place among the real ones; padding points at some real row, which the mask hides.
  Value real_rows_, packed_rows_;
};

}  // namespace paceline
