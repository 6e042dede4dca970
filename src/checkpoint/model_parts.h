#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint_options.h"

namespace paceline {

/// The folders that a model's parts lie in: all the same one, unless it is an adapter's.
struct ModelParts {
  std::filesystem::path config;     ///< config.json
  std::filesystem::path tokenizer;  ///< tokenizer.json or a vocabulary
  std::filesystem::path weights;    ///< of the base, where there is an adapter
  bool has_adapter = false;         ///< the model's folder has an adapter_config.json
  bool merges = false;              ///< and that adapter belongs to `weights`
};

/// Looks at `model_dir` and, for an adapter, for its base: CheckpointOptions::base, else the weights beside it, else
/// what adapter_config.json names. Throws Error{not_found} with what to do for a folder without config.json or an
/// adapter whose base is not there, {invalid_argument} for a base that no adapter asks for.
ModelParts find_model_parts(const std::filesystem::path& model_dir, const CheckpointOptions& options = {});

/// The folder of the base that an adapter_config.json names, where it is on this machine.
std::optional<std::filesystem::path> find_base(const std::string& name, const std::string& revision);

}  // namespace paceline
