#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/onnxruntime/api.h"

namespace paceline {

/// What an input of a classifier's graph is for.
enum class InputRole { kInputIds, kAttentionMask, kTokenTypeIds };

/// An input as its file declares it, and the role it was found to have.
struct GraphInput {
  std::string name;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  InputRole role = InputRole::kInputIds;
};

/// How a graph is called: what any exporter may have named and typed in a way of its own.
struct GraphSignature {
  std::vector<GraphInput> inputs;  ///< in the order of the file; ids always, mask and token types where it has them
  std::string output;              ///< the logits' name
  ONNXTensorElementDataType output_type = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  bool known_columns = false;  ///< the file says that the output is [batch, outputs]; else that is checked on each run
  bool masked = false;         ///< it takes an attention mask; without one only sequences of equal length share a batch
  bool typed = false;          ///< it takes token types
  int64_t fixed_batch = 0;     ///< sequences of every batch; 0: any number
  int64_t fixed_length = 0;    ///< tokens of every sequence, padding included; 0: any number
};

/// Finds ids, mask and token types by the names exporters give them (input_ids, input, ids, tokens; attention_mask,
/// mask; token_type_ids, segment_ids; ...); names that say nothing ("1", "onnx::Gather_0") by their place. The logits
/// are the output named so (logits, output, scores), else the first of shape [batch, outputs].
/// Throws Error{unsupported}, naming what the file has: no ids, an input that no text has (position_ids), a tensor of
/// another shape or type, another number of outputs than the checkpoint's.
GraphSignature read_signature(const Ort::Session& session, int32_t outputs, const std::string& file);

/// "int64", "fp16", ...
std::string element_type_name(ONNXTensorElementDataType type);

}  // namespace paceline
