#include "tensor/pickle_globals.h"

#include <fmt/format.h>

#include <array>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Role = PickleGlobal::Role;

constexpr std::array<PickleGlobal, 15> kGlobals = {{
    {"collections", "OrderedDict", Role::kOrderedDict},
    {"torch._utils", "_rebuild_tensor", Role::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", Role::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Role::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Role::kRebuildParameter},
    {"torch", "DoubleStorage", Role::kStorageType, DType::kF64},
    {"torch", "FloatStorage", Role::kStorageType, DType::kF32},
    {"torch", "HalfStorage", Role::kStorageType, DType::kF16},
    {"torch", "BFloat16Storage", Role::kStorageType, DType::kBF16},
    {"torch", "LongStorage", Role::kStorageType, DType::kI64},
    {"torch", "IntStorage", Role::kStorageType, DType::kI32},
    {"torch", "ShortStorage", Role::kStorageType, DType::kI16},
    {"torch", "CharStorage", Role::kStorageType, DType::kI8},
    {"torch", "ByteStorage", Role::kStorageType, DType::kU8},
    {"torch", "BoolStorage", Role::kStorageType, DType::kBool},
}};

/// Classes that a model saved whole, rather than its weights, consists of.
bool is_model_class(std::string_view module) {
  return module == "__main__" || module.starts_with("torch.nn.modules") || module.starts_with("transformers.models");
}

}  // namespace

int64_t find_pickle_global(std::string_view module, std::string_view name, std::string_view where) {
  for (std::size_t i = 0; i < kGlobals.size(); ++i) {
    if (kGlobals[i].module == module && kGlobals[i].name == name) return static_cast<int64_t>(i);
  }
  const std::string called = fmt::format("{}.{}", excerpt(module), excerpt(name));
  if (is_model_class(module)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the file holds a whole Python object ({}), whose code is not run; a state_dict was "
                            "expected. Load it where it was made and save model.state_dict().",
                            where, called));
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[{}] the file calls {}, which was not run; only tensors were expected. If you trust it, "
                          "load it with torch and save its state_dict as safetensors.",
                          where, called));
}

const PickleGlobal& pickle_global(int64_t index) { return kGlobals.at(static_cast<std::size_t>(index)); }

}  // namespace paceline
