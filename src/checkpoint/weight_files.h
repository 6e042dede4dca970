#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/adapter_tensors.h"
#include "checkpoint/checkpoint_options.h"
#include "tensor/weight_file.h"

namespace paceline {

/// The files with a checkpoint's weights, mapped and checked.
struct WeightFiles {
  std::vector<std::filesystem::path> names;  ///< within the folder, in the order of their names; or an absolute path
  std::vector<WeightFile> files;
  TensorMap tensors;           ///< of all files; they point into `files` or `computed`
  int64_t without_prefix = 0;  ///< tensors that were passed over, since their names do not begin with the prefix
  std::vector<std::vector<float>> computed;  ///< tensors that no file has

  /// Puts `values` in place of the tensor of that name.
  void keep(const std::string& name, std::vector<float> values);
};

/// Whether the folder has files that open_weight_files would open.
bool has_weights(const std::filesystem::path& model_dir);

/// Opens options.file, or else the first of these that the folder has: model.safetensors, the shards of
/// model.safetensors.index.json, pytorch_model.bin, the shards of pytorch_model.bin.index.json. Tensors have the names
/// that the files have, less the prefix.
/// Throws Error{not_found} with a hint where none is there, a shard is missing or no tensor has the prefix,
/// {corrupt_data} where index and shards contradict each other or a shard's name leads out of the folder, and what
/// WeightFile::open throws.
WeightFiles open_weight_files(const std::filesystem::path& model_dir, const CheckpointOptions& options = {});

}  // namespace paceline
