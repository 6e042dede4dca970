#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/tensor_view.h"

namespace paceline {

/// A value of a pickle. Others are named by their index in Pickle::values.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,     ///< number: 0 or 1
    kInteger,  ///< number
    kLong,     ///< an integer beyond 64 bits; text: its bytes, little endian
    kFloat,    ///< its value is not kept
    kText,     ///< text: a str or bytes
    kTuple,    ///< items
    kList,     ///< items
    kDict,     ///< items: key, value, key, value, ...; an OrderedDict alike
    kGlobal,   ///< number: index in the allow-list
    kStorage,  ///< text: its key; number: its elements; dtype
    kTensor,   ///< items: storage, offset, sizes, strides
  };
  Kind kind = Kind::kNone;
  DType dtype = DType::kF32;
  int64_t number = 0;
  std::string_view text{};
  std::vector<uint32_t> items{};
};

struct Pickle {
  std::vector<PickleValue> values;
  uint32_t root = 0;
  std::size_t bytes = 0;  ///< what the pickle takes of the data, its STOP included
};

/// Reads a pickle (protocols 2 to 5) as torch.save writes it: numbers, text, tuples, lists, dicts, and tensors.
/// Nothing is ever called or imported. A global that is not on the allow-list (collections.OrderedDict, torch's storage
/// types, torch._utils._rebuild_tensor, _rebuild_tensor_v2 and _rebuild_parameter) is refused where it is named. At
/// most 2^21 values of at most 64 MiB of pickle are read; all texts point into `data`.
/// Throws Error{corrupt_data, unsupported}; `where` opens messages.
Pickle read_pickle(std::span<const std::byte> data, std::string_view where);

}  // namespace paceline
