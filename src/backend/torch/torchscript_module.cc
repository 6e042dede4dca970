#include "backend/torch/torchscript_module.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/torchscript_writer.h"
#include "batch/check_types.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace jit = torch::jit;

constexpr int64_t kTrialRows = 2;
constexpr int64_t kTrialTokens = 3;
constexpr const char* kLogits = "logits";

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The tracer tells equal names apart by a number: "input_ids.1".
std::string plain_name(const std::string& name) {
  std::string plain = name.substr(0, name.find('.'));
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return plain;
}

// "[2, 5]", or the type of what is no tensor.
std::string shape_of(const c10::IValue& value) {
  return value.isTensor() ? fmt::format("[{}]", fmt::join(value.toTensor().sizes(), ", ")) : value.tagKind();
}

std::optional<at::ScalarType> main_dtype(const jit::Module& module) {
  std::map<at::ScalarType, int64_t> elements;
  for (const at::Tensor& weight : module.parameters()) {
    if (weight.is_floating_point()) elements[weight.scalar_type()] += weight.numel();
  }
  const auto most = std::max_element(elements.begin(), elements.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == elements.end() ? std::nullopt : std::optional(most->first);
}

// What a tuple or list holds; empty for anything else.
std::vector<c10::IValue> items_of(const c10::IValue& output) {
  if (output.isTuple()) {
    const auto elements = output.toTupleRef().elements().vec();
    return {elements.begin(), elements.end()};
  }
  if (output.isList()) return output.toListRef().vec();
  return {};
}

}  // namespace

TorchscriptModule::TorchscriptModule(std::filesystem::path file, const Network& network, at::Device device)
    : file_(std::move(file)), network_(network) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file_, error)) refuse(ErrorCode::kNotFound, "There is no such file.");
  load(device);
  read_schema();
  settle_types();
  freeze();
  try_out(device);
}

void TorchscriptModule::refuse(ErrorCode code, const std::string& what) const {
  throw Error(code, fmt::format("[{}] {}", file_.string(), what));
}

void TorchscriptModule::load(at::Device device) {
  call_engine({.code = ErrorCode::kCorruptData,
               .doing = "reading " + file_.string(),
               .hint = "A file of torch.jit.save or of paceline export --to torchscript was expected."},
              [&] {
                module_ = jit::load(file_.string(), device);
                module_.eval();
              });
  dtype_ = main_dtype(module_);
}

// A module that writes to its own attributes cannot be frozen, but it can be run.
void TorchscriptModule::freeze() {
  const SilentWarnings silent;
  try {
    module_ = jit::freeze(module_);
    frozen_ = true;
  } catch (const std::exception&) {
    frozen_ = false;
  }
}

TorchscriptModule::Role TorchscriptModule::role_by_name(const std::string& name) const {
  const std::string plain = plain_name(name);
  Role role = Role::kDefault;
  if (is_one_of(plain, {"input_ids", "ids", "input", "inputs", "tokens", "token_ids"})) role = Role::kInputIds;
  if (is_one_of(plain, {"attention_mask", "mask", "input_mask", "padding_mask"})) role = Role::kAttentionMask;
  if (is_one_of(plain, {"token_type_ids", "token_types", "segment_ids", "type_ids"})) role = Role::kTokenTypeIds;
  const bool taken =
      std::any_of(inputs_.begin(), inputs_.end(), [&](const Input& other) { return other.role == role; });
  return taken ? Role::kDefault : role;
}

void TorchscriptModule::read_schema() {
  const std::optional<jit::Method> method = module_.find_method("forward");
  if (!method) refuse(ErrorCode::kUnsupported, "It has no method forward, which is what is run.");
  const std::vector<c10::Argument>& schema = method->function().getSchema().arguments();
  std::vector<std::string> unknown;
  for (std::size_t i = 1; i < schema.size(); ++i) {  // the first is the module itself
    const c10::Argument& argument = schema[i];
    const bool tensor = c10::TensorType::get()->isSubtypeOf(*argument.type());
    Input input{.name = argument.name(),
                .role = tensor ? role_by_name(argument.name()) : Role::kDefault,
                .fallback = argument.default_value()};
    if (input.role == Role::kDefault && !input.fallback) {
      unknown.push_back(fmt::format("{}: {}", argument.name(), argument.type()->repr_str()));
      if (!tensor) {
        refuse(ErrorCode::kUnsupported, fmt::format("Its forward takes {}, which Paceline cannot provide. Wrap it so "
                                                    "that it takes input_ids and attention_mask.",
                                                    excerpt(unknown.back(), 100)));
      }
    }
    inputs_.push_back(std::move(input));
  }
  const bool known =
      std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.role != Role::kDefault; });
  if (!known && unknown.size() <= 3 && unknown.size() == inputs_.size() && !inputs_.empty()) {
    assign_by_place();
    return;
  }
  const bool ids =
      std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.role == Role::kInputIds; });
  if (ids && unknown.empty()) return;
  refuse(ErrorCode::kUnsupported,
         fmt::format("Its forward takes {}, which Paceline cannot tell apart: input_ids, attention_mask and "
                     "token_type_ids were expected.",
                     inputs_.empty() ? "nothing" : excerpt(fmt::format("{}", fmt::join(unknown, ", ")), 100)));
}

// A model that does nothing without token types is called without them, where its file allows that.
void TorchscriptModule::settle_types() {
  for (Input& input : inputs_) {
    if (input.role != Role::kTokenTypeIds || reads_token_types(network_) || !input.fallback) continue;
    if (network_.without_types == WithoutTypes::kNothing) input.role = Role::kDefault;
  }
  check_types_input(network_, reads_types(), file_.string());
}

bool TorchscriptModule::reads_types() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.role == Role::kTokenTypeIds; });
}

void TorchscriptModule::assign_by_place() {
  constexpr std::array<Role, 3> kOrder{Role::kInputIds, Role::kAttentionMask, Role::kTokenTypeIds};
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].role = kOrder[i];
}

jit::Stack TorchscriptModule::arguments(const ForwardInputs& inputs) const {
  const auto numbers = [&](const at::Tensor& values) { return values.to(id_dtype_); };
  jit::Stack stack;
  for (const Input& input : inputs_) {
    switch (input.role) {
      case Role::kInputIds:
        stack.emplace_back(numbers(inputs.input_ids));
        break;
      case Role::kAttentionMask:
        stack.emplace_back(numbers(inputs.attention_mask));
        break;
      case Role::kTokenTypeIds:
        stack.emplace_back(
            numbers(inputs.token_type_ids.defined() ? inputs.token_type_ids : at::zeros_like(inputs.input_ids)));
        break;
      case Role::kDefault:
        stack.push_back(*input.fallback);
        break;
    }
  }
  return stack;
}

c10::IValue TorchscriptModule::call(const ForwardInputs& inputs) {
  const at::NoGradGuard no_grad;
  return module_.forward(arguments(inputs));
}

// A batch of two shows what the file takes and where its logits are, before anything relies on it.
void TorchscriptModule::try_out(at::Device device) {
  const int64_t tokens = std::min<int64_t>(kTrialTokens, network_.max_tokens);
  const ForwardInputs inputs = example_inputs(network_, kTrialRows, tokens, device);
  const SilentWarnings silent;
  c10::IValue output;
  try {
    output = call(inputs);
  } catch (const std::exception&) {
    id_dtype_ = at::kInt;
    try {
      output = call(inputs);
    } catch (const std::exception&) {
      id_dtype_ = at::kLong;
      call_engine({.code = ErrorCode::kUnsupported,
                   .doing = fmt::format("running {} on {} texts of {} tokens", file_.string(), kTrialRows, tokens),
                   .hint = "Was it traced with sizes that became constants, or for another device?"},
                  [&] { output = call(inputs); });
    }
  }
  find_logits(output, kTrialRows);
}

bool TorchscriptModule::is_logits(const c10::IValue& value, int64_t rows) const {
  return value.isTensor() && value.toTensor().dim() == 2 && value.toTensor().size(0) == rows &&
         value.toTensor().size(1) == network_.outputs && value.toTensor().is_floating_point();
}

void TorchscriptModule::find_logits(const c10::IValue& output, int64_t rows) {
  std::vector<std::string> seen;
  const auto fits = [&](const c10::IValue& value, const std::string& name) {
    seen.push_back(name.empty() ? shape_of(value) : fmt::format("{} {}", name, shape_of(value)));
    return is_logits(value, rows);
  };
  if (output.isGenericDict()) {
    const auto dict = output.toGenericDict();
    if (dict.contains(kLogits) && fits(dict.at(kLogits), kLogits)) place_.key = kLogits;
    for (const auto& entry : dict) {
      if (place_.key || !entry.key().isString()) continue;
      if (fits(entry.value(), entry.key().toStringRef())) place_.key = entry.key().toStringRef();
    }
    if (place_.key) return;
  } else if (output.isTensor()) {
    if (fits(output, "")) return;
  } else {
    const std::vector<c10::IValue> items = items_of(output);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!fits(items[i], "")) continue;
      place_.index = i;
      return;
    }
    if (items.empty()) seen.push_back(output.tagKind());
  }
  refuse(
      ErrorCode::kUnsupported,
      fmt::format("It gives {}, logits [{}, {}] were expected for {} texts. Is it an export of this checkpoint, with "
                  "its classification head?",
                  excerpt(fmt::format("{}", fmt::join(seen, ", ")), 100), rows, network_.outputs, rows));
}

at::Tensor TorchscriptModule::logits_of(const c10::IValue& output) const {
  if (place_.key) return output.toGenericDict().at(*place_.key).toTensor();
  if (place_.index) return items_of(output).at(*place_.index).toTensor();
  return output.toTensor();
}

at::Tensor TorchscriptModule::operator()(const ForwardInputs& inputs) {
  const int64_t rows = inputs.input_ids.size(0);
  return call_engine(
      {.code = ErrorCode::kUnsupported,
       .doing = fmt::format("running {} on {} texts of {} tokens", file_.string(), rows, inputs.input_ids.size(1)),
       .hint = "Was it traced with sizes that became constants?"},
      [&] {
        at::Tensor logits = logits_of(call(inputs));
        if (is_logits(logits, rows)) return logits;
        refuse(ErrorCode::kUnsupported,
               fmt::format("It gives {} for {} texts, [{}, {}] was expected. Was it traced with sizes "
                           "that became constants?",
                           shape_of(logits), rows, rows, network_.outputs));
      });
}

bool TorchscriptModule::reads_mask() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.role == Role::kAttentionMask; });
}

std::string TorchscriptModule::description() const {
  std::vector<std::string> names;
  for (const Input& input : inputs_) {
    if (input.role != Role::kDefault) names.push_back(input.name);
  }
  return fmt::format("{} as {}, {}", fmt::join(names, ", "), id_dtype_ == at::kLong ? "int64" : "int32",
                     frozen_ ? "frozen" : "not frozen: it cannot be");
}

}  // namespace paceline
