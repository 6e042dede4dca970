#include "export/onnx_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/file.h"
#include "export/protobuf_writer.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

// Field numbers of onnx.proto, one block per message. It is a proto2 file: its repeated integers are not packed.
namespace model_field {
constexpr int kIrVersion = 1, kProducerName = 2, kProducerVersion = 3, kGraph = 7, kOpsetImport = 8, kMetadata = 14;
}
namespace graph_field {
constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node_field {
constexpr int kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5;
}
namespace attribute_field {
constexpr int kName = 1, kFloat = 2, kInt = 3, kString = 4, kInts = 8, kType = 20;
}
namespace attribute_type {
constexpr int kFloat = 1, kInt = 2, kString = 3, kInts = 7;
}
namespace tensor_field {
constexpr int kDims = 1, kDataType = 2, kName = 8, kRawData = 9, kExternalData = 13, kDataLocation = 14;
}
namespace value_field {
constexpr int kName = 1, kType = 2;
}
namespace type_field {
constexpr int kTensor = 1, kElementType = 1, kShape = 2, kDim = 1, kDimValue = 1, kDimName = 2;
}
namespace entry_field {
constexpr int kKey = 1, kValue = 2;
}
namespace opset_field {
constexpr int kVersion = 2;
}

constexpr int kExternalLocation = 1;  // TensorProto.DataLocation.EXTERNAL

// A protobuf message may hold 2 GiB - 1; the graph beside the weights stays far below what this leaves.
constexpr uint64_t kLargestSingleFile = 2'000'000'000;

// The first ir_version that came with an opset: onnx.proto's history, see onnx/docs/Versioning.md.
int64_t ir_version(int opset) {
  constexpr std::array<std::pair<int, int>, 6> kSince{{{23, 11}, {21, 10}, {19, 9}, {15, 8}, {12, 7}, {0, 6}}};
  return std::find_if(kSince.begin(), kSince.end(), [&](const auto& row) { return opset >= row.first; })->second;
}

ProtobufWriter entry(std::string_view key, std::string_view value) {
  ProtobufWriter out;
  out.bytes(entry_field::kKey, key);
  out.bytes(entry_field::kValue, value);
  return out;
}

ProtobufWriter attribute(const OnnxAttribute& value) {
  ProtobufWriter out;
  out.bytes(attribute_field::kName, value.name);
  if (const auto* number = std::get_if<float>(&value.value)) {
    out.float32(attribute_field::kFloat, *number);
    out.integer(attribute_field::kType, attribute_type::kFloat);
  } else if (const auto* integer = std::get_if<int64_t>(&value.value)) {
    out.integer(attribute_field::kInt, *integer);
    out.integer(attribute_field::kType, attribute_type::kInt);
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    out.bytes(attribute_field::kString, *text);
    out.integer(attribute_field::kType, attribute_type::kString);
  } else {
    for (const int64_t item : std::get<std::vector<int64_t>>(value.value)) out.integer(attribute_field::kInts, item);
    out.integer(attribute_field::kType, attribute_type::kInts);
  }
  return out;
}

ProtobufWriter node(const OnnxNode& value) {
  ProtobufWriter out;
  for (const std::string& input : value.inputs) out.bytes(node_field::kInput, input);
  for (const std::string& output : value.outputs) out.bytes(node_field::kOutput, output);
  out.bytes(node_field::kName, value.name);
  out.bytes(node_field::kOpType, value.op);
  for (const OnnxAttribute& item : value.attributes) out.message(node_field::kAttribute, attribute(item));
  return out;
}

ProtobufWriter value_info(const OnnxValueInfo& value) {
  ProtobufWriter shape;
  for (const auto& size : value.shape) {
    ProtobufWriter dim;
    if (const auto* name = std::get_if<std::string>(&size)) {
      dim.bytes(type_field::kDimName, *name);
    } else {
      dim.integer(type_field::kDimValue, std::get<int64_t>(size));
    }
    shape.message(type_field::kDim, dim);
  }
  ProtobufWriter tensor;
  tensor.integer(type_field::kElementType, static_cast<int64_t>(value.type));
  tensor.message(type_field::kShape, shape);
  ProtobufWriter type;
  type.message(type_field::kTensor, tensor);
  ProtobufWriter out;
  out.bytes(value_field::kName, value.name);
  out.message(value_field::kType, type);
  return out;
}

// A tensor without its values; raw_data or the reference to them follows.
ProtobufWriter tensor_head(const OnnxInitializer& tensor) {
  ProtobufWriter out;
  for (const int64_t size : tensor.shape) out.integer(tensor_field::kDims, size);
  out.integer(tensor_field::kDataType, static_cast<int64_t>(tensor.type));
  out.bytes(tensor_field::kName, tensor.name);
  return out;
}

void write_values(const OnnxInitializer& tensor, AtomicFile& file) {
  if (tensor.stored.bytes.empty()) return file.write(tensor.bytes);
  std::vector<float> chunk(std::size_t{1} << 16);
  const int64_t count = tensor.stored.elements();
  for (int64_t first = 0; first < count; first += static_cast<int64_t>(chunk.size())) {
    const auto size = std::min(static_cast<int64_t>(chunk.size()), count - first);
    const std::span<float> part(chunk.data(), static_cast<std::size_t>(size));
    convert_to_float(tensor.stored, first, part);
    file.write(std::as_bytes(part));
  }
}

// Streams external values one after another and remembers where each begins.
class ExternalData {
 public:
  explicit ExternalData(const std::filesystem::path& path) : file_(path), location_(path.filename().string()) {}

  void append(const OnnxInitializer& tensor, ProtobufWriter& head) {
    static constexpr std::array<std::byte, kExternalAlignment> kZeros{};
    const uint64_t gap = (kExternalAlignment - file_.written() % kExternalAlignment) % kExternalAlignment;
    file_.write(std::span(kZeros).first(gap));
    const uint64_t offset = file_.written();
    write_values(tensor, file_);
    head.message(tensor_field::kExternalData, entry("location", location_));
    head.message(tensor_field::kExternalData, entry("offset", fmt::to_string(offset)));
    head.message(tensor_field::kExternalData, entry("length", fmt::to_string(tensor.byte_size())));
    head.integer(tensor_field::kDataLocation, kExternalLocation);
  }

  void finish() { file_.finish(); }
  uint64_t commit() {
    file_.commit();
    return file_.written();
  }

 private:
  AtomicFile file_;
  std::string location_;
};

// Serialised text, then the values of a tensor that is streamed behind it.
struct Piece {
  std::string text;
  const OnnxInitializer* values = nullptr;

  uint64_t size() const { return text.size() + (values != nullptr ? values->byte_size() : 0); }
};

Piece inline_tensor(const OnnxInitializer& tensor) {
  ProtobufWriter body = tensor_head(tensor);
  body.open_bytes(tensor_field::kRawData, tensor.byte_size());
  ProtobufWriter out;
  out.open_bytes(graph_field::kInitializer, body.text().size() + tensor.byte_size());
  return {out.text() + body.text(), &tensor};
}

// The graph's fields but for its own tag and length.
std::vector<Piece> graph_pieces(const OnnxModel& model, std::optional<ExternalData>& external) {
  ProtobufWriter head;
  for (const OnnxNode& item : model.nodes) head.message(graph_field::kNode, node(item));
  head.bytes(graph_field::kName, model.name);
  std::vector<Piece> pieces;
  pieces.push_back({head.take()});
  for (const OnnxInitializer& tensor : model.initializers) {
    if (!external || tensor.byte_size() < kSmallestExternalBytes) {
      pieces.push_back(inline_tensor(tensor));
      continue;
    }
    ProtobufWriter body = tensor_head(tensor);
    external->append(tensor, body);
    ProtobufWriter out;
    out.message(graph_field::kInitializer, body);
    pieces.push_back({out.take()});
  }
  ProtobufWriter tail;
  for (const OnnxValueInfo& item : model.inputs) tail.message(graph_field::kInput, value_info(item));
  for (const OnnxValueInfo& item : model.outputs) tail.message(graph_field::kOutput, value_info(item));
  pieces.push_back({tail.take()});
  return pieces;
}

ProtobufWriter model_head(const OnnxModel& model) {
  ProtobufWriter out;
  out.integer(model_field::kIrVersion, ir_version(model.opset));
  out.bytes(model_field::kProducerName, "paceline");
  out.bytes(model_field::kProducerVersion, version());
  ProtobufWriter opset;
  opset.integer(opset_field::kVersion, model.opset);
  out.message(model_field::kOpsetImport, opset);
  for (const auto& [key, value] : model.metadata) out.message(model_field::kMetadata, entry(key, value));
  return out;
}

}  // namespace

uint64_t OnnxInitializer::byte_size() const {
  return stored.bytes.empty() ? bytes.size() : static_cast<uint64_t>(stored.elements()) * sizeof(float);
}

std::filesystem::path onnx_data_file(const std::filesystem::path& file) {
  std::filesystem::path data = file;
  data += ".data";
  return data;
}

OnnxFileSizes write_onnx_model(const OnnxModel& model, const std::filesystem::path& file,
                               uint64_t external_data_above_bytes) {
  uint64_t total = 0;
  for (const OnnxInitializer& tensor : model.initializers) total += tensor.byte_size();
  std::optional<ExternalData> external;
  if (total >= std::min(external_data_above_bytes, kLargestSingleFile)) external.emplace(onnx_data_file(file));

  AtomicFile out(file);
  const std::vector<Piece> pieces = graph_pieces(model, external);
  uint64_t graph_size = 0;
  for (const Piece& piece : pieces) graph_size += piece.size();
  ProtobufWriter head = model_head(model);
  head.open_bytes(model_field::kGraph, graph_size);
  out.write(head.text());
  for (const Piece& piece : pieces) {
    out.write(piece.text);
    if (piece.values != nullptr) write_values(*piece.values, out);
  }
  // A failure or a signal finds both files under their names, or neither.
  out.finish();
  if (external) external->finish();
  OnnxFileSizes sizes;
  if (external) sizes.data = external->commit();
  out.commit();
  sizes.model = out.written();
  return sizes;
}

}  // namespace paceline
