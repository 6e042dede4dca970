#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor_view.h"

namespace paceline {

/// The tensors of a state_dict that torch.save wrote.
struct TorchWeights {
  std::vector<NamedTensor> tensors;            ///< in the order of the state_dict; they point into the file or `copies`
  std::vector<std::vector<std::byte>> copies;  ///< of tensors whose elements do not lie in a row, as a transposed one's
  std::string taken;  ///< the key of the part that was taken, as "state_dict"; empty: the whole
};

/// Whether this is a file of torch.save, by its first bytes: a ZIP archive or, before torch 1.6, a pickle; and no
/// safetensors file, whose length may look like the latter.
bool is_torch_file(std::span<const std::byte> file);

/// Reads a file of torch.save held in memory, without running anything that it asks for: as read_pickle and
/// read_zip. Of a training checkpoint, what stands under state_dict, model_state_dict, model or module is
/// taken; other dicts in dicts give names joined by dots; what is no tensor is left out. Every size is checked against
/// the file before it is believed, and copies are no larger than the file.
/// Throws Error{corrupt_data, unsupported, not_found} (no tensors in it) that names `where` and the tensor.
TorchWeights parse_torch_file(std::span<const std::byte> file, std::string_view where);

}  // namespace paceline
