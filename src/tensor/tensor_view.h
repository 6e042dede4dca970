#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace paceline {

/// Number format of a stored tensor.
enum class DType : uint8_t { kBool, kU8, kI8, kI16, kU16, kI32, kU32, kI64, kU64, kF16, kBF16, kF32, kF64 };

/// Bytes of one element.
std::size_t dtype_size(DType dtype);
/// As safetensors spells it: "F32", "BF16", ...
std::string_view dtype_name(DType dtype);
/// As flags, plans and reports write it: "fp32", "bf16", ...; what is no float as safetensors does.
std::string_view short_dtype_name(DType dtype);
/// The inverse of dtype_name; nothing for a name that is not known.
std::optional<DType> find_dtype(std::string_view name);
/// F64, F32, F16, BF16: what convert_to_float takes.
bool is_float(DType dtype);

using Shape = std::vector<int64_t>;

/// "[768, 3072]".
std::string shape_text(const Shape& shape);

/// A tensor in memory that somebody else owns: row-major, contiguous, unaligned.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
  /// What `bytes` are mapped from: then the functions below read them from the file, so that one that becomes shorter
  /// meanwhile is an Error and no signal.
  const MappedFile* file = nullptr;

  int64_t elements() const;
};

/// A tensor of a file of weights.
struct NamedTensor {
  std::string name;
  TensorView tensor;
};

/// Bytes [first, first + out.size()), which are there. Throws as MappedFile::copy.
void copy_bytes(const TensorView& tensor, std::size_t first, std::span<std::byte> out);

/// Converts elements [first, first + out.size()) of an F64, F32, F16 or BF16 tensor. Throws Error{unsupported} for
/// others, and as copy_bytes.
void convert_to_float(const TensorView& tensor, int64_t first, std::span<float> out);

/// The same tensor as fp32 in `values`, which is filled: for whoever takes it in small pieces, each of which would be a
/// read of the file.
TensorView copy_to_memory(const TensorView& tensor, std::vector<float>& values);

}  // namespace paceline
