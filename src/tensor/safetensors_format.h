#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/tensor_view.h"

/// What the reader and the writer of safetensors share.
///
/// The format: 8 bytes with the header's length (little endian), the header (JSON: tensor name -> dtype, shape,
/// data_offsets; "__metadata__" -> strings), then the data, which the tensors cover without gap or overlap.
namespace paceline {

constexpr std::size_t kLengthBytes = 8;
constexpr std::string_view kMetadata = "__metadata__";

/// Opens a message about one tensor of a file.
std::string tensor_place(std::string_view where, std::string_view name);

/// Bytes of a tensor, or nothing where they cannot be counted in 64 bits. No size may be negative.
std::optional<uint64_t> byte_count(DType dtype, const Shape& shape);

}  // namespace paceline
