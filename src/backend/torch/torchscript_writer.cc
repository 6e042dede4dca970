#include "backend/torch/torchscript_writer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/serialization/export.h>

#include <algorithm>
#include <array>
#include <exception>

#include "base/file.h"
#include "export/torchscript_source.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace jit = torch::jit;

constexpr std::array<int64_t, 2> kRecordedShape{2, 9};
constexpr std::array<std::array<int64_t, 2>, 3> kCheckedShapes{{{1, 1}, {3, 17}, {2, 512}}};
// The executor looks at the first runs and then specialises what it runs.
constexpr int kCheckedRuns = 3;

// A module of its own type. Its name is not the part's: that may be a number, which no type can be called.
class ModuleTree {
 public:
  ModuleTree() : root_(make("Classifier")) {}

  // A parameter below the submodules that its dotted name gives.
  void add(const std::string& name, const at::Tensor& values) {
    jit::Module parent = root_;
    std::size_t begin = 0;
    for (std::size_t dot = 0; (dot = name.find('.', begin)) != std::string::npos; begin = dot + 1) {
      const std::string part = name.substr(begin, dot - begin);
      if (!parent.hasattr(part)) parent.register_module(part, make(fmt::format("Part{}", parts_++)));
      parent = parent.attr(part).toModule();
    }
    parent.register_parameter(name.substr(begin), values, /*is_buffer=*/false);
  }

  jit::Module root() const { return root_; }

 private:
  static jit::Module make(const std::string& name) {
    jit::Module module(c10::QualifiedName("__torch__.paceline." + name));
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
  }

  int parts_ = 0;
  jit::Module root_;
};

jit::Module module_of(const std::vector<std::pair<std::string, at::Tensor>>& weights) {
  ModuleTree tree;
  for (const auto& [name, values] : weights) tree.add(name, values);
  return tree.root();
}

jit::Stack stack_of(const ForwardInputs& inputs) {
  jit::Stack stack{inputs.input_ids, inputs.attention_mask};
  if (inputs.token_type_ids.defined()) stack.emplace_back(inputs.token_type_ids);
  return stack;
}

// On the CPU the same operators give the same bits. Elsewhere the executor may fuse some, which rounds elsewhere: a few
// roundings in each of tens of operators of half the digits of `logits`' numbers are far below what a wrong size does.
bool agrees(const at::Tensor& recorded, const at::Tensor& eager, at::Device device) {
  if (recorded.sizes() != eager.sizes()) return false;
  if (device.is_cpu()) return at::equal(recorded, eager);
  constexpr double kFusedTolerance = 0.03;
  const double scale = std::max(1.0, eager.abs().max().item<double>());
  return (recorded - eager).abs().max().item<double>() <= kFusedTolerance * scale;
}

}  // namespace

ForwardInputs example_inputs(const Network& network, int64_t rows, int64_t tokens, at::Device device) {
  ForwardInputs inputs;
  inputs.input_ids = at::full({rows, tokens}, network.pad_token_id, at::kLong);
  inputs.attention_mask = at::zeros({rows, tokens}, at::kLong);
  if (network.token_types > 1) inputs.token_type_ids = at::zeros({rows, tokens}, at::kLong);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t length = std::max<int64_t>(1, tokens - row * tokens / rows);
    const at::Tensor numbers = at::arange(length, at::kLong);
    inputs.input_ids.select(0, row).narrow(0, 0, length).copy_((numbers * 7919 + row * 31 + 3) % network.vocab_size);
    inputs.attention_mask.select(0, row).narrow(0, 0, length).fill_(1);
    if (network.token_types > 1) {
      inputs.token_type_ids.select(0, row).narrow(0, 0, length).copy_((numbers * 2 / length) % network.token_types);
    }
  }
  const auto moved = [&](const at::Tensor& tensor) { return tensor.defined() ? tensor.to(device) : tensor; };
  return {moved(inputs.input_ids), moved(inputs.attention_mask), moved(inputs.token_type_ids)};
}

jit::Module record_module(const Network& network, const std::vector<std::pair<std::string, at::Tensor>>& weights,
                          ForwardFunction forward, at::Device device) {
  jit::Module module = module_of(weights);
  const at::NoGradGuard no_grad;
  const int64_t tokens = std::min<int64_t>(kRecordedShape[1], network.max_tokens);
  const ForwardInputs example = example_inputs(network, kRecordedShape[0], tokens, device);
  std::vector<std::string> names{"input_ids", "attention_mask"};
  if (network.token_types > 1) names.emplace_back("token_type_ids");
  const auto traced = [&](jit::Stack inputs) {
    return jit::Stack{
        forward({inputs[0].toTensor(), inputs[1].toTensor(), inputs.size() > 2 ? inputs[2].toTensor() : at::Tensor()})};
  };
  const auto state = jit::tracer::trace(
                         stack_of(example), traced, [](const at::Tensor&) { return std::string(); },
                         /*strict=*/true, /*force_outplace=*/false, &module, names)
                         .first;
  module.type()->addMethod(module._ivalue()->compilation_unit()->create_function(
      c10::QualifiedName(*module.type()->name(), "forward"), state->graph));
  return module;
}

jit::Module script_module(const Network& network, const std::vector<std::pair<std::string, at::Tensor>>& weights) {
  jit::Module module = module_of(weights);
  module.define(torchscript_source(network));
  return module;
}

void check_module(jit::Module& module, const Network& network, ForwardFunction forward, at::Device device) {
  const at::NoGradGuard no_grad;
  for (const auto& [rows, longest] : kCheckedShapes) {
    const int64_t tokens = std::min<int64_t>(longest, network.max_tokens);
    const ForwardInputs inputs = example_inputs(network, rows, tokens, device);
    const at::Tensor expected = forward(inputs);
    for (int run = 0; run < kCheckedRuns; ++run) {
      std::string reason = "gives other answers than the network";
      try {
        if (agrees(module.forward(stack_of(inputs)).toTensor(), expected, device)) continue;
      } catch (const std::exception&) {
        reason = "cannot run";
      }
      throw Error(ErrorCode::kInternal,
                  fmt::format("[export torchscript] What was made {} on {} texts of {} tokens, so nothing was written. "
                              "This is a bug of Paceline: please report it; --how names the other way.",
                              reason, rows, tokens));
    }
  }
}

void write_module(const jit::Module& module, const std::string& metadata, const std::filesystem::path& file) {
  AtomicFile out(file);
  // PyTorch's writer cannot be left by an exception: it is told that all is well, and the failure is raised after it.
  std::exception_ptr failure;
  const auto write = [&](const void* bytes, std::size_t size) {
    if (failure) return size;
    try {
      out.write({static_cast<const std::byte*>(bytes), size});
    } catch (...) {
      failure = std::current_exception();
    }
    return size;
  };
  jit::ExportModule(module, write, {{"paceline.json", metadata}});
  if (failure) std::rethrow_exception(failure);
  out.commit();
}

}  // namespace paceline
