#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor_view.h"

namespace paceline {

/// Reads the tensors of a safetensors file held in memory. Everything is checked before it is believed: header length
/// (at most 16 MiB), key twice, dtype, shape times dtype against the offsets, overflow, overlap, gaps, exact file size.
/// Throws Error{corrupt_data, unsupported} that names `where` and the tensor.
std::vector<NamedTensor> parse_safetensors(std::span<const std::byte> file, std::string_view where);
/// The same of a mapped file, which its tensors then name and which has to stay where it is. Touches no byte of the
/// map.
std::vector<NamedTensor> parse_safetensors(const MappedFile& file);

/// Writes a safetensors file, atomically: the header, padded so that the data starts at a multiple of 8 bytes, then the
/// tensors' bytes in the order given. The same input gives the same bytes. Returns their hash as hash_file() gives it,
/// taken from memory: a disk that keeps other bytes shows.
/// Throws Error{invalid_argument} for a name twice or bytes that are not the shape's, and what AtomicFile throws.
std::string write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace paceline
