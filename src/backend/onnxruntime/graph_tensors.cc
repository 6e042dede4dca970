#include "backend/onnxruntime/graph_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "paceline/error.h"
#include "tensor/float_formats.h"

namespace paceline {
namespace {

constexpr uint16_t kHalfOne = 0x3C00;

template <class T>
void convert(std::span<const int64_t> values, T one, std::vector<std::byte>& out) {
  out.resize(values.size() * sizeof(T));
  T* to = reinterpret_cast<T*>(out.data());
  for (const int64_t value : values) *to++ = static_cast<T>(value) * one;
}

template <class T, class Convert>
void copy_values(const Ort::Value& output, std::span<float> logits, Convert&& to_float) {
  const T* from = output.GetTensorData<T>();
  std::transform(from, from + logits.size(), logits.begin(), to_float);
}

}  // namespace

GraphTensors::GraphTensors(const GraphSignature& signature)
    : signature_(signature),
      memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)),
      converted_(signature.inputs.size()) {
  for (const GraphInput& input : signature.inputs) names_.push_back(input.name.c_str());
}

Ort::Value GraphTensors::tensor(const GraphInput& input, std::vector<int64_t>& values,
                                std::vector<std::byte>& converted) {
  switch (input.type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return Ort::Value::CreateTensor<int64_t>(memory_, values.data(), values.size(), shape_.data(), shape_.size());
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      convert<int32_t>(values, 1, converted);
      break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      convert<float>(values, 1, converted);
      break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      convert<uint16_t>(values, kHalfOne, converted);
      break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
      convert<uint8_t>(values, 1, converted);
      break;
    default:
      throw Error(ErrorCode::kInternal, "[onnxruntime] an input of a type that read_signature lets through.");
  }
  return Ort::Value::CreateTensor(memory_, converted.data(), converted.size(), shape_.data(), shape_.size(),
                                  input.type);
}

std::span<const Ort::Value> GraphTensors::fill(PaddedBatch& batch) {
  shape_ = {batch.sequences, batch.max_seqlen};
  batch.token_type_ids.resize(batch.input_ids.size());
  values_.clear();
  for (std::size_t i = 0; i < signature_.inputs.size(); ++i) {
    const GraphInput& input = signature_.inputs[i];
    std::vector<int64_t>& values = input.role == InputRole::kInputIds        ? batch.input_ids
                                   : input.role == InputRole::kAttentionMask ? batch.attention_mask
                                                                             : batch.token_type_ids;
    values_.push_back(tensor(input, values, converted_[i]));
  }
  return values_;
}

void read_logits(const Ort::Value& output, int64_t sequences, std::span<float> logits) {
  const auto info = output.GetTensorTypeAndShapeInfo();
  const std::vector<int64_t> shape = info.GetShape();
  const int64_t columns = static_cast<int64_t>(logits.size()) / sequences;
  const bool fits =
      shape == std::vector<int64_t>{sequences, columns} || (columns == 1 && shape == std::vector{sequences});
  if (!fits) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[onnxruntime] the file gave logits of shape [{}] for {} sequences, [{}, {}] was expected. "
                            "It is of another checkpoint, or it was traced with fixed shapes.",
                            fmt::join(shape, ", "), sequences, sequences, columns));
  }
  switch (info.GetElementType()) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return copy_values<float>(output, logits, [](float value) { return value; });
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return copy_values<double>(output, logits, [](double value) { return static_cast<float>(value); });
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return copy_values<Ort::Float16_t>(output, logits, [](Ort::Float16_t value) { return half_to_float(value.val); });
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return copy_values<Ort::BFloat16_t>(output, logits,
                                          [](Ort::BFloat16_t value) { return bfloat16_to_float(value.val); });
    default:
      throw Error(ErrorCode::kInternal, "[onnxruntime] logits of a type that read_signature lets through.");
  }
}

}  // namespace paceline
