#include "backend/onnxruntime/graph_signature.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// A declared input or output; a dimension is -1 where the file gives it a name or nothing.
struct GraphValue {
  std::string name;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;  ///< undefined: no tensor
  std::vector<int64_t> shape;
};

constexpr std::array kRoles{InputRole::kInputIds, InputRole::kAttentionMask, InputRole::kTokenTypeIds};

struct Alias {
  std::string_view name;
  InputRole role;
};
constexpr std::array<Alias, 15> kAliases{{{"input_ids", InputRole::kInputIds},
                                          {"input", InputRole::kInputIds},
                                          {"inputs", InputRole::kInputIds},
                                          {"ids", InputRole::kInputIds},
                                          {"token_ids", InputRole::kInputIds},
                                          {"tokens", InputRole::kInputIds},
                                          {"attention_mask", InputRole::kAttentionMask},
                                          {"input_mask", InputRole::kAttentionMask},
                                          {"padding_mask", InputRole::kAttentionMask},
                                          {"mask", InputRole::kAttentionMask},
                                          {"token_type_ids", InputRole::kTokenTypeIds},
                                          {"token_types", InputRole::kTokenTypeIds},
                                          {"segment_ids", InputRole::kTokenTypeIds},
                                          {"segments", InputRole::kTokenTypeIds},
                                          {"type_ids", InputRole::kTokenTypeIds}}};
constexpr std::array<std::string_view, 3> kOutputNames{"logits", "output", "scores"};

/// In lower case and without what tracing appends: "Input_IDs.1" is input_ids.
std::string plain_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && name.find_first_not_of("0123456789", dot + 1) == name.npos) {
    name = name.substr(0, dot);
  }
  std::string plain(name);
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return plain;
}

std::optional<InputRole> role_of(std::string_view name) {
  const std::string plain = plain_name(name);
  for (const Alias& alias : kAliases) {
    if (alias.name == plain) return alias.role;
  }
  return std::nullopt;
}

/// What PyTorch calls an input that nobody named.
bool is_anonymous(std::string_view name) {
  return name.starts_with("onnx::") || name.find_first_not_of("0123456789") == name.npos;
}

std::string describe(const std::vector<GraphValue>& values) {
  std::vector<std::string> parts;
  for (const GraphValue& value : values) {
    std::vector<std::string> sizes;
    for (const int64_t size : value.shape) sizes.push_back(size < 0 ? "?" : std::to_string(size));
    parts.push_back(
        fmt::format("{} {} [{}]", excerpt(value.name), element_type_name(value.type), fmt::join(sizes, ", ")));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

/// One graph against what a classifier's graph looks like; its errors list what the file has.
class SignatureReader {
 public:
  SignatureReader(const Ort::Session& session, int32_t outputs, const std::string& file)
      : outputs_(outputs), file_(file) {
    const Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
      declared_inputs_.push_back(
          value_of(session.GetInputNameAllocated(i, allocator).get(), session.GetInputTypeInfo(i)));
    }
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
      declared_outputs_.push_back(
          value_of(session.GetOutputNameAllocated(i, allocator).get(), session.GetOutputTypeInfo(i)));
    }
  }

  GraphSignature read() {
    assign_roles();
    for (std::size_t i = 0; i < roles_.size(); ++i) add_input(declared_inputs_[i], *roles_[i]);
    find_output();
    if (!signature_.masked && signature_.fixed_length > 0) {
      refuse_inputs(fmt::format("takes {} tokens always and no attention mask, so it cannot tell padding from text",
                                signature_.fixed_length));
    }
    return std::move(signature_);
  }

 private:
  static GraphValue value_of(const char* name, const Ort::TypeInfo& info) {
    GraphValue value{.name = name, .shape = {}};
    if (info.GetONNXType() != ONNX_TYPE_TENSOR) return value;
    const auto tensor = info.GetTensorTypeAndShapeInfo();
    value.type = tensor.GetElementType();
    value.shape = tensor.GetShape();
    return value;
  }

  [[noreturn]] void refuse(const std::string& what, const char* kind, const std::vector<GraphValue>& values) const {
    throw Error(ErrorCode::kUnsupported, fmt::format("[onnxruntime] {} {}; its {} are: {}. Export it as docs/export.md "
                                                     "says: ids, mask and token types in, logits out.",
                                                     file_, what, kind, describe(values)));
  }
  [[noreturn]] void refuse_inputs(const std::string& what) const { refuse(what, "inputs", declared_inputs_); }
  [[noreturn]] void refuse_outputs(const std::string& what) const { refuse(what, "outputs", declared_outputs_); }

  bool taken(InputRole role) const { return std::find(roles_.begin(), roles_.end(), role) != roles_.end(); }

  /// By name first. An unknown name has a role by its place only where it says nothing, or where no name is known.
  void assign_roles() {
    for (const GraphValue& input : declared_inputs_) {
      const auto role = role_of(input.name);
      if (role && taken(*role)) refuse_inputs(fmt::format("has {} beside another of its kind", excerpt(input.name)));
      roles_.push_back(role);
    }
    const bool none_known = std::count(roles_.begin(), roles_.end(), std::nullopt) == std::ssize(roles_);
    for (std::size_t i = 0; i < roles_.size(); ++i) {
      if (roles_[i]) continue;
      const auto* const role = std::find_if(kRoles.begin(), kRoles.end(), [&](InputRole next) { return !taken(next); });
      const bool by_place = none_known || is_anonymous(declared_inputs_[i].name);
      if (!by_place || role == kRoles.end()) {
        refuse_inputs(
            fmt::format("has an input {}, which Paceline has no values for", excerpt(declared_inputs_[i].name)));
      }
      roles_[i] = *role;
    }
    if (!taken(InputRole::kInputIds)) refuse_inputs("has no input for token ids");
  }

  void add_input(const GraphValue& input, InputRole role) {
    if (input.shape.size() != 2) refuse_inputs(fmt::format("has {} not as [batch, sequence]", excerpt(input.name)));
    const bool whole =
        input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 || input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    const bool mask = role == InputRole::kAttentionMask && (input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ||
                                                            input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 ||
                                                            input.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL);
    if (!whole && !mask) refuse_inputs(fmt::format("has {} of a type that is not for that", excerpt(input.name)));
    fix(signature_.fixed_batch, input.shape[0]);
    fix(signature_.fixed_length, input.shape[1]);
    signature_.masked = signature_.masked || role == InputRole::kAttentionMask;
    signature_.typed = signature_.typed || role == InputRole::kTokenTypeIds;
    signature_.inputs.push_back({.name = input.name, .type = input.type, .role = role});
  }

  void fix(int64_t& fixed, int64_t size) const {
    if (size < 0) return;
    if (size == 0 || (fixed > 0 && fixed != size)) refuse_inputs("has inputs whose shapes are not one another's");
    fixed = size;
  }

  /// [batch, outputs], or [batch] of a single output; what the file leaves open is allowed.
  bool fits(const GraphValue& output) const {
    if (output.shape.size() == 1) return outputs_ == 1;
    return output.shape.size() == 2 && (output.shape[1] < 0 || output.shape[1] == outputs_);
  }

  void find_output() {
    const GraphValue* found = nullptr;
    for (const std::string_view name : kOutputNames) {
      for (const GraphValue& output : declared_outputs_) {
        if (found == nullptr && plain_name(output.name) == name) found = &output;
      }
    }
    for (const GraphValue& output : declared_outputs_) {
      if (found == nullptr && output.shape.size() <= 2 && fits(output)) found = &output;
    }
    if (found == nullptr || !fits(*found)) {
      const GraphValue* named = found != nullptr ? found : declared_outputs_.data();
      if (named != nullptr && named->shape.size() == 2 && named->shape[1] >= 0) {
        refuse_outputs(
            fmt::format("gives {} values for each text, the checkpoint has {} labels", named->shape[1], outputs_));
      }
      refuse_outputs(fmt::format("has no output of shape [batch, {}]", outputs_));
    }
    switch (found->type) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
        break;
      default:
        refuse_outputs(fmt::format("has {} of a type that logits do not have", excerpt(found->name)));
    }
    signature_.output = found->name;
    signature_.output_type = found->type;
    signature_.known_columns = found->shape.size() == 2 && found->shape[1] == outputs_;
  }

  int32_t outputs_;
  const std::string& file_;
  std::vector<GraphValue> declared_inputs_;
  std::vector<GraphValue> declared_outputs_;
  std::vector<std::optional<InputRole>> roles_;
  GraphSignature signature_;
};

}  // namespace

std::string element_type_name(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED:
      return "no tensor";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return "fp32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return "fp16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return "bf16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return "fp64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return "int64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return "int32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
      return "bool";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING:
      return "string";
    default:
      return fmt::format("type {}", static_cast<int>(type));
  }
}

GraphSignature read_signature(const Ort::Session& session, int32_t outputs, const std::string& file) {
  return SignatureReader(session, outputs, file).read();
}

}  // namespace paceline
