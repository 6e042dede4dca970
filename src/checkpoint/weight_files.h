#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor/safetensors.h"

namespace paceline {

/// The safetensors files of a model folder, mapped and checked.
struct WeightFiles {
  std::vector<std::filesystem::path> names;  ///< within the folder, in the order of their names
  std::vector<SafetensorsFile> files;
  std::map<std::string, TensorView, std::less<>> tensors;  ///< of all files; they point into `files`
};

/// Opens model.safetensors, or else the shards that model.safetensors.index.json names.
/// Throws Error{not_found} with a hint where neither is there or a shard is missing, {corrupt_data} where index and
/// shards contradict each other or a shard's name leads out of the folder.
WeightFiles open_weight_files(const std::filesystem::path& model_dir);

}  // namespace paceline
