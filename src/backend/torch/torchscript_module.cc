#include "backend/torch/torchscript_module.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <map>

#include "backend/torch/engine_call.h"
#include "backend/torch/torch_device.h"
#include "backend/torch/torchscript_writer.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace jit = torch::jit;

constexpr int64_t kTrialRows = 2;
constexpr int64_t kTrialTokens = 3;
constexpr const char* kLogits = "logits";

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
  inputs_ = TorchscriptInputs(module_, network_, file_.string());
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

c10::IValue TorchscriptModule::call(const ForwardInputs& inputs) {
  const at::NoGradGuard no_grad;
  return module_.forward(inputs_.arguments(inputs, id_dtype_));
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

std::string TorchscriptModule::description() const {
  return fmt::format("{} as {}, {}", inputs_.names(), id_dtype_ == at::kLong ? "int64" : "int32",
                     frozen_ ? "frozen" : "not frozen: it cannot be");
}

}  // namespace paceline
