#pragma once

#include <optional>
#include <string_view>

#include "tensor/tensor_view.h"

namespace paceline {

/// What a pickle may name, and what the reader makes of it.
struct PickleGlobal {
  enum class Role { kOrderedDict, kStorageType, kRebuildTensor, kRebuildParameter };
  std::string_view module;
  std::string_view name;
  Role role;
  DType dtype = DType::kF32;  ///< of a storage type
};

/// Its index in the allow-list. Throws Error{unsupported} that names a global which is not there.
int64_t find_pickle_global(std::string_view module, std::string_view name, std::string_view where);

const PickleGlobal& pickle_global(int64_t index);

}  // namespace paceline
