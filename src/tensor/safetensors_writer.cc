#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "paceline/error.h"
#include "tensor/safetensors.h"
#include "tensor/safetensors_format.h"

namespace paceline {
namespace {

std::string header_text(std::span<const NamedTensor> tensors, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += fmt::format("\"{}\":{}", kMetadata, Json(metadata).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  uint64_t offset = 0;
  for (const NamedTensor& named : tensors) {
    const uint64_t end = offset + named.tensor.bytes.size();
    header += fmt::format(R"({}{}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", header.size() > 1 ? "," : "",
                          Json(named.name).dump(-1, ' ', false, Json::error_handler_t::replace),
                          dtype_name(named.tensor.dtype), Json(named.tensor.shape).dump(), offset, end);
    offset = end;
  }
  header += "}";
  header.append((kLengthBytes - header.size() % kLengthBytes) % kLengthBytes, ' ');
  return header;
}

void check_writable(std::span<const NamedTensor> tensors, std::string_view where) {
  std::set<std::string_view> names;
  for (const NamedTensor& named : tensors) {
    const bool negative =
        std::any_of(named.tensor.shape.begin(), named.tensor.shape.end(), [](int64_t size) { return size < 0; });
    if (negative || byte_count(named.tensor.dtype, named.tensor.shape) != named.tensor.bytes.size()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("[{}] {} bytes were given, {} of shape {} were expected.", tensor_place(where, named.name),
                      named.tensor.bytes.size(), dtype_name(named.tensor.dtype), shape_text(named.tensor.shape)));
    }
    if (named.name == kMetadata || !names.insert(named.name).second) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] the name is taken, each tensor needs one of its own.",
                                                           tensor_place(where, named.name)));
    }
  }
}

}  // namespace

std::string write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata) {
  check_writable(tensors, path.string());
  const std::string header = header_text(tensors, metadata);
  const uint64_t length = header.size();
  AtomicFile file(path);
  Hasher hasher;
  const auto write = [&](std::span<const std::byte> bytes) {
    hasher.update(bytes);
    file.write(bytes);
  };
  write(std::as_bytes(std::span(&length, 1)));
  write(std::as_bytes(std::span(header)));
  for (const NamedTensor& named : tensors) write(named.tensor.bytes);
  file.commit();
  return hasher.hex();
}

}  // namespace paceline
