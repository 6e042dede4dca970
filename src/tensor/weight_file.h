#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/tensor_view.h"

namespace paceline {

/// A mapped file of tensors: safetensors or torch.save's, told apart by its first bytes, whatever its name.
class WeightFile {
 public:
  /// Throws Error{not_found, corrupt_data, unsupported}, as parse_safetensors and parse_torch_file do; names other
  /// containers of weights (TensorFlow, GGUF, a pointer of Git LFS).
  static WeightFile open(const std::filesystem::path& path);

  std::span<const NamedTensor> tensors() const { return tensors_; }
  /// The part of a training checkpoint that was taken, as "state_dict"; empty: the whole file.
  const std::string& taken() const { return taken_; }

 private:
  std::unique_ptr<MappedFile> file_;            ///< where the tensors point to it
  std::vector<std::vector<std::byte>> copies_;  ///< of tensors that do not lie in a row in the file
  std::vector<NamedTensor> tensors_;
  std::string taken_;
};

}  // namespace paceline
