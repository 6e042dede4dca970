#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tensor/tensor_view.h"

namespace paceline {

/// An ONNX model as plain values: what onnx.proto calls ModelProto, as far as Paceline writes it.

/// Element types, numbered as TensorProto.DataType.
enum class OnnxType : int32_t { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9 };

struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

/// One operator of the default domain.
struct OnnxNode {
  std::string op;    ///< "Gemm"
  std::string name;  ///< for people
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxAttribute> attributes;
};

/// A constant tensor: either a stored float tensor, written as fp32 while it is streamed, or bytes of its own.
struct OnnxInitializer {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  Shape shape;
  TensorView stored;  ///< F32, F16, BF16 or F64; empty where `bytes` holds the values
  std::string bytes;  ///< little-endian values of `type`

  uint64_t byte_size() const;  ///< as written
};

/// An input or output; each dimension is a name or a number.
struct OnnxValueInfo {
  std::string name;
  OnnxType type = OnnxType::kFloat;
  std::vector<std::variant<std::string, int64_t>> shape;
};

struct OnnxModel {
  int opset = 0;
  std::string name;                                           ///< of the graph
  std::vector<std::pair<std::string, std::string>> metadata;  ///< metadata_props
  std::vector<OnnxNode> nodes;                                ///< each after the nodes that feed it
  std::vector<OnnxInitializer> initializers;
  std::vector<OnnxValueInfo> inputs;
  std::vector<OnnxValueInfo> outputs;
};

/// Sizes of the files that write_onnx_model made; `data` is 0 where everything is in one file.
struct OnnxFileSizes {
  uint64_t model = 0;
  uint64_t data = 0;
};

/// The file beside `file` that holds its external data: FILE.data.
std::filesystem::path onnx_data_file(const std::filesystem::path& file);

/// Writes the model atomically; the same model gives the same bytes. When the initialisers sum to
/// `external_data_above_bytes` or more, those of kSmallestExternalBytes and up go to FILE.data, each at a multiple of
/// kExternalAlignment, so that a reader can map them. Weights are streamed: memory stays small however large they are.
/// Throws Error{resource_exhausted, not_found, unsupported}.
OnnxFileSizes write_onnx_model(const OnnxModel& model, const std::filesystem::path& file,
                               uint64_t external_data_above_bytes);

inline constexpr uint64_t kSmallestExternalBytes = 1024;  ///< onnx's own default; smaller ones are shapes and biases
inline constexpr uint64_t kExternalAlignment = 4096;      ///< a page: what mmap can address

}  // namespace paceline
