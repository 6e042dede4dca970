#include "tensor/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "base/json.h"
#include "paceline/error.h"
#include "tensor/safetensors_format.h"
#include "words/suggest.h"

namespace paceline {

std::string tensor_place(std::string_view where, std::string_view name) {
  return fmt::format("{}: tensor {}", where, excerpt(name));
}

std::optional<uint64_t> byte_count(DType dtype, const Shape& shape) {
  uint64_t bytes = dtype_size(dtype);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

namespace {

constexpr uint64_t kMostHeaderBytes = uint64_t{16} << 20;  // some 150,000 tensors
constexpr std::size_t kMostDimensions = 16;
constexpr int kHeaderDepth = 3;  // header, tensor, its shape

/// Where a tensor's bytes lie, from the first byte behind the header.
struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Entry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  Extent extent;
};

[[noreturn]] void throw_corrupt(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {}", where, what));
}

/// A file that is one tensor of bytes: of a map they are read, in memory they are copied.
TensorView whole_file(std::span<const std::byte> bytes, const MappedFile* file) {
  return {.dtype = DType::kU8, .shape = {}, .bytes = bytes, .file = file};
}

uint64_t read_header_length(const TensorView& file, std::string_view where) {
  if (file.bytes.size() < kLengthBytes) {
    throw_corrupt(where,
                  fmt::format("{} bytes are too few for a safetensors file. Is it truncated?", file.bytes.size()));
  }
  uint64_t length = 0;
  copy_bytes(file, 0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMostHeaderBytes) {
    throw_corrupt(where, fmt::format("a header of {} bytes was announced, at most {} were expected. "
                                     "Is it a safetensors file?",
                                     length, kMostHeaderBytes));
  }
  if (length > file.bytes.size() - kLengthBytes) {
    throw_corrupt(where, fmt::format("a header of {} bytes was announced, {} bytes follow. Is the file truncated?",
                                     length, file.bytes.size() - kLengthBytes));
  }
  return length;
}

DType read_dtype(const Json& fields, std::string_view place) {
  const std::string name = json_string(fields, "dtype", place);
  const std::optional<DType> dtype = find_dtype(name);
  if (!dtype) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the dtype \"{}\" is not known, a float (F32, F16, BF16, F64) "
                            "or an integer type was expected.",
                            place, excerpt(name)));
  }
  return *dtype;
}

/// A non-negative integer of the header; nothing for any other value.
std::optional<uint64_t> read_unsigned(const Json& value) {
  return value.is_number_unsigned() ? std::optional(value.get<uint64_t>()) : std::nullopt;
}

Shape read_shape(const Json& fields, std::string_view place) {
  const auto field = fields.find("shape");
  if (field == fields.end() || !field->is_array() || field->size() > kMostDimensions) {
    throw_corrupt(place, fmt::format("\"shape\" was expected as a list of at most {} sizes.", kMostDimensions));
  }
  Shape shape;
  for (const Json& size : *field) {
    const std::optional<uint64_t> value = read_unsigned(size);
    if (!value || *value > static_cast<uint64_t>(INT64_MAX)) {
      throw_corrupt(place, fmt::format("the size {} in \"shape\" is not a number from 0 to 2^63 - 1.",
                                       excerpt(size.dump(-1, ' ', true, Json::error_handler_t::replace))));
    }
    shape.push_back(static_cast<int64_t>(*value));
  }
  return shape;
}

Extent read_extent(const Json& fields, uint64_t data_bytes, std::string_view place) {
  const auto field = fields.find("data_offsets");
  const bool pair = field != fields.end() && field->is_array() && field->size() == 2;
  const std::optional<uint64_t> begin = pair ? read_unsigned((*field)[0]) : std::nullopt;
  const std::optional<uint64_t> end = pair ? read_unsigned((*field)[1]) : std::nullopt;
  if (!begin || !end || *begin > *end) {
    throw_corrupt(place, "\"data_offsets\" was expected as [begin, end] with begin <= end.");
  }
  if (*end > data_bytes) {
    throw_corrupt(place,
                  fmt::format("the data ends at byte {}, the file holds {}. Is the file truncated?", *end, data_bytes));
  }
  return {*begin, *end};
}

Entry read_entry(const std::string& name, const Json& fields, uint64_t data_bytes, std::string_view where) {
  const std::string place = tensor_place(where, name);
  if (!fields.is_object()) {
    throw_corrupt(place, "an object with dtype, shape and data_offsets was expected.");
  }
  Entry entry{.name = name, .dtype = read_dtype(fields, place), .shape = read_shape(fields, place), .extent = {}};
  const std::optional<uint64_t> bytes = byte_count(entry.dtype, entry.shape);
  entry.extent = read_extent(fields, data_bytes, place);
  if (!bytes || *bytes != entry.extent.end - entry.extent.begin) {
    throw_corrupt(place,
                  fmt::format("{} bytes of data were given, {} of shape {} were expected.",
                              entry.extent.end - entry.extent.begin, dtype_name(entry.dtype), shape_text(entry.shape)));
  }
  return entry;
}

void check_metadata(const Json& metadata, std::string_view where) {
  const bool strings = metadata.is_object() && std::all_of(metadata.begin(), metadata.end(),
                                                           [](const Json& value) { return value.is_string(); });
  if (!strings) {
    throw_corrupt(where, "\"__metadata__\" was expected as an object of strings.");
  }
}

/// The tensors, in the order of their data, have to cover it exactly.
void check_cover(const std::vector<Entry>& entries, uint64_t data_bytes, std::string_view where) {
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.extent.begin < covered) {
      throw_corrupt(tensor_place(where, entry.name),
                    fmt::format("the data from byte {} overlaps another tensor's.", entry.extent.begin));
    }
    if (entry.extent.begin > covered) {
      throw_corrupt(tensor_place(where, entry.name),
                    fmt::format("the {} bytes before its data belong to no tensor.", entry.extent.begin - covered));
    }
    covered = entry.extent.end;
  }
  if (covered != data_bytes) {
    throw_corrupt(where, fmt::format("the last {} bytes belong to no tensor.", data_bytes - covered));
  }
}

std::vector<NamedTensor> parse(const TensorView& file, std::string_view where) {
  std::string text(read_header_length(file, where), '\0');
  copy_bytes(file, kLengthBytes, std::as_writable_bytes(std::span(text)));
  const std::span<const std::byte> data = file.bytes.subspan(kLengthBytes + text.size());
  const Json header =
      parse_json(text, fmt::format("{}: header", where), {.max_bytes = kMostHeaderBytes, .max_depth = kHeaderDepth});
  if (!header.is_object()) {
    throw_corrupt(where, "the header was expected to be a JSON object.");
  }
  std::vector<Entry> entries;
  for (const auto& [name, fields] : header.items()) {
    if (name == kMetadata) {
      check_metadata(fields, where);
    } else {
      entries.push_back(read_entry(name, fields, data.size(), where));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.extent.begin, a.extent.end, a.name) < std::tie(b.extent.begin, b.extent.end, b.name);
  });
  check_cover(entries, data.size(), where);

  std::vector<NamedTensor> tensors;
  tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    const std::span<const std::byte> bytes = data.subspan(entry.extent.begin, entry.extent.end - entry.extent.begin);
    tensors.push_back({std::move(entry.name), TensorView{entry.dtype, std::move(entry.shape), bytes, file.file}});
  }
  return tensors;
}

}  // namespace

std::vector<NamedTensor> parse_safetensors(std::span<const std::byte> file, std::string_view where) {
  return parse(whole_file(file, nullptr), where);
}

std::vector<NamedTensor> parse_safetensors(const MappedFile& file) {
  return parse(whole_file(file.bytes(), &file), file.path().string());
}

}  // namespace paceline
