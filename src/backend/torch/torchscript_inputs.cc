#include "backend/torch/torchscript_inputs.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "batch/check_types.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace jit = torch::jit;

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

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, fmt::format("[{}] {}", file, what));
}

}  // namespace

TorchscriptInputs::TorchscriptInputs(const jit::Module& module, const Network& network, const std::string& file) {
  read_schema(module, file);
  settle_types(network, file);
}

bool TorchscriptInputs::has(Role role) const {
  return std::any_of(inputs_.begin(), inputs_.end(), [&](const Input& input) { return input.role == role; });
}

std::string TorchscriptInputs::names() const {
  std::vector<std::string> names;
  for (const Input& input : inputs_) {
    if (input.role != Role::kDefault) names.push_back(input.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

TorchscriptInputs::Role TorchscriptInputs::role_by_name(const std::string& name) const {
  const std::string plain = plain_name(name);
  Role role = Role::kDefault;
  if (is_one_of(plain, {"input_ids", "ids", "input", "inputs", "tokens", "token_ids"})) role = Role::kInputIds;
  if (is_one_of(plain, {"attention_mask", "mask", "input_mask", "padding_mask"})) role = Role::kAttentionMask;
  if (is_one_of(plain, {"token_type_ids", "token_types", "segment_ids", "type_ids"})) role = Role::kTokenTypeIds;
  return has(role) ? Role::kDefault : role;
}

void TorchscriptInputs::read_schema(const jit::Module& module, const std::string& file) {
  const std::optional<jit::Method> method = module.find_method("forward");
  if (!method) refuse(file, "It has no method forward, which is what is run.");
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
        refuse(file, fmt::format("Its forward takes {}, which Paceline cannot provide. Wrap it so "
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
  if (has(Role::kInputIds) && unknown.empty()) return;
  refuse(file, fmt::format("Its forward takes {}, which Paceline cannot tell apart: input_ids, attention_mask and "
                           "token_type_ids were expected.",
                           inputs_.empty() ? "nothing" : excerpt(fmt::format("{}", fmt::join(unknown, ", ")), 100)));
}

// A model that does nothing without token types is called without them, where its file allows that.
void TorchscriptInputs::settle_types(const Network& network, const std::string& file) {
  for (Input& input : inputs_) {
    if (input.role != Role::kTokenTypeIds || reads_token_types(network) || !input.fallback) continue;
    if (network.without_types == WithoutTypes::kNothing) input.role = Role::kDefault;
  }
  check_types_input(network, reads_types(), file);
}

void TorchscriptInputs::assign_by_place() {
  constexpr std::array<Role, 3> kOrder{Role::kInputIds, Role::kAttentionMask, Role::kTokenTypeIds};
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].role = kOrder[i];
}

jit::Stack TorchscriptInputs::arguments(const ForwardInputs& inputs, at::ScalarType dtype) const {
  const auto numbers = [&](const at::Tensor& values) { return values.to(dtype); };
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

}  // namespace paceline
