#include "tensor/tensor_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "paceline/error.h"
#include "tensor/float_formats.h"

namespace paceline {
namespace {

struct DTypeRow {
  std::string_view name;
  std::size_t bytes;
};

// In the order of the enum.
constexpr std::array<DTypeRow, 13> kDTypes = {{{"BOOL", 1},
                                               {"U8", 1},
                                               {"I8", 1},
                                               {"I16", 2},
                                               {"U16", 2},
                                               {"I32", 4},
                                               {"U32", 4},
                                               {"I64", 8},
                                               {"U64", 8},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"F32", 4},
                                               {"F64", 8}}};

/// Reads numbers of type Stored at any alignment and converts each.
template <class Stored, class Convert>
void convert_block(const std::byte* from, std::span<float> out, Convert to_float) {
  for (float& value : out) {
    Stored stored;
    std::memcpy(&stored, from, sizeof(stored));
    value = to_float(stored);
    from += sizeof(stored);
  }
}

/// The same of a tensor from its byte `first` on, of a file in blocks that stay in L1.
template <class Stored, class Convert>
void convert(const TensorView& tensor, std::size_t first, std::span<float> out, Convert to_float) {
  if (tensor.file == nullptr) return convert_block<Stored>(tensor.bytes.data() + first, out, to_float);
  std::array<std::byte, std::size_t{1} << 15> block;
  while (!out.empty()) {
    const std::span<float> part = out.first(std::min(out.size(), block.size() / sizeof(Stored)));
    copy_bytes(tensor, first, std::span(block).first(part.size() * sizeof(Stored)));
    convert_block<Stored>(block.data(), part, to_float);
    first += part.size() * sizeof(Stored);
    out = out.subspan(part.size());
  }
}

}  // namespace

std::size_t dtype_size(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bytes; }

std::string_view dtype_name(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

std::string_view short_dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return "fp16";
    case DType::kBF16:
      return "bf16";
    case DType::kF32:
      return "fp32";
    case DType::kF64:
      return "fp64";
    default:
      return dtype_name(dtype);
  }
}

std::optional<DType> find_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) {
      return static_cast<DType>(i);
    }
  }
  return std::nullopt;
}

bool is_float(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 || dtype == DType::kF64;
}

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int64_t TensorView::elements() const { return static_cast<int64_t>(bytes.size() / dtype_size(dtype)); }

void copy_bytes(const TensorView& tensor, std::size_t first, std::span<std::byte> out) {
  if (out.empty()) return;
  const std::byte* from = tensor.bytes.data() + first;
  if (tensor.file == nullptr) {
    std::memcpy(out.data(), from, out.size());
  } else {
    tensor.file->copy(static_cast<std::size_t>(from - tensor.file->bytes().data()), out);
  }
}

void convert_to_float(const TensorView& tensor, int64_t first, std::span<float> out) {
  if (first < 0 || first > tensor.elements() || static_cast<int64_t>(out.size()) > tensor.elements() - first) {
    throw Error(ErrorCode::kInternal, fmt::format("[tensor] {} values from {} were asked for, {} are there.",
                                                  out.size(), first, tensor.elements()));
  }
  if (out.empty()) {
    return;
  }
  const std::size_t from = static_cast<std::size_t>(first) * dtype_size(tensor.dtype);
  switch (tensor.dtype) {
    case DType::kF32:
      copy_bytes(tensor, from, std::as_writable_bytes(out));
      break;
    case DType::kF16:
      convert<uint16_t>(tensor, from, out, half_to_float);
      break;
    case DType::kBF16:
      convert<uint16_t>(tensor, from, out, bfloat16_to_float);
      break;
    case DType::kF64:
      convert<double>(tensor, from, out, [](double value) { return static_cast<float>(value); });
      break;
    default:
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[tensor] numbers of type {} were given, F64, F32, F16 or BF16 were expected.",
                              dtype_name(tensor.dtype)));
  }
}

TensorView copy_to_memory(const TensorView& tensor, std::vector<float>& values) {
  values.resize(static_cast<std::size_t>(tensor.elements()));
  convert_to_float(tensor, 0, values);
  return {.dtype = DType::kF32, .shape = tensor.shape, .bytes = std::as_bytes(std::span(values))};
}

}  // namespace paceline
