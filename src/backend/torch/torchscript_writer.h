#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "backend/torch/network_forward.h"
#include "base/function_ref.h"

namespace paceline {

using ForwardFunction = FunctionRef<at::Tensor(const ForwardInputs&)>;

/// Example inputs [rows, tokens], the rows after the first padded on the right: same sizes, same numbers.
ForwardInputs example_inputs(const Network& network, int64_t rows, int64_t tokens, at::Device device);

/// What `forward` does, recorded on [2, 9] as a TorchScript module whose parameters are `weights`, known by identity.
/// forward(input_ids, attention_mask[, token_type_ids]). Throws c10::Error.
torch::jit::Module record_module(const Network& network, const std::vector<std::pair<std::string, at::Tensor>>& weights,
                                 ForwardFunction forward, at::Device device);

/// torchscript_source() of the network, compiled over `weights`. Throws std::exception.
torch::jit::Module script_module(const Network& network,
                                 const std::vector<std::pair<std::string, at::Tensor>>& weights);

/// Compares the module with `forward` on [1, 1], [3, 17] and [2, 512], cut to what the network takes. Several of
/// PyTorch's operators keep a size or a number of the recording without a word, and give wrong answers elsewhere.
/// Throws Error{internal} that names the shape.
void check_module(torch::jit::Module& module, const Network& network, ForwardFunction forward, at::Device device);

/// Writes the module atomically; same module and metadata, same bytes. `metadata` is kept in the file as paceline.json.
/// Throws Error{resource_exhausted, not_found, invalid_argument}, c10::Error.
void write_module(const torch::jit::Module& module, const std::string& metadata, const std::filesystem::path& file);

}  // namespace paceline
