#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paceline {

/// For tests: numbers as a file has them, little endian.
template <class T>
std::string raw(T number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

/// For tests: an entry of a ZIP archive, and what its headers claim.
struct TestZipEntry {
  std::string name;
  std::string bytes;
  uint16_t method = 0;
  uint16_t flags = 0;
  int64_t claimed = -1;  ///< bytes, where it is not the truth
};

/// For tests: a ZIP archive of stored entries; with `zip64` its sizes and offsets stand in ZIP64 fields.
inline std::string make_zip(const std::vector<TestZipEntry>& entries, bool zip64 = false) {
  std::string file;
  std::string directory;
  const std::string in_64 = raw<uint32_t>(0xffffffff);
  for (const TestZipEntry& entry : entries) {
    const uint64_t local = file.size();
    const auto size =
        static_cast<uint64_t>(entry.claimed < 0 ? static_cast<int64_t>(entry.bytes.size()) : entry.claimed);
    const std::string common = raw(entry.flags) + raw(entry.method) + raw<uint32_t>(0) + raw<uint32_t>(0);
    file += std::string("PK\3\4") + raw<uint16_t>(45) + common + raw(static_cast<uint32_t>(size)) +
            raw(static_cast<uint32_t>(size)) + raw(static_cast<uint16_t>(entry.name.size())) + raw<uint16_t>(0) +
            entry.name + entry.bytes;
    const std::string extra = zip64 ? raw<uint16_t>(1) + raw<uint16_t>(24) + raw(size) + raw(size) + raw(local) : "";
    const std::string size32 = zip64 ? in_64 : raw(static_cast<uint32_t>(size));
    directory += std::string("PK\1\2") + raw<uint16_t>(45) + raw<uint16_t>(45) + common + size32 + size32 +
                 raw(static_cast<uint16_t>(entry.name.size())) + raw(static_cast<uint16_t>(extra.size())) +
                 std::string(10, '\0') + (zip64 ? in_64 : raw(static_cast<uint32_t>(local))) + entry.name + extra;
  }
  const uint64_t begin = file.size();
  file += directory;
  if (zip64) {
    const uint64_t end = file.size();
    file += std::string("PK\6\6") + raw<uint64_t>(44) + raw<uint16_t>(45) + raw<uint16_t>(45) + raw<uint64_t>(0) +
            raw<uint64_t>(entries.size()) + raw<uint64_t>(entries.size()) + raw<uint64_t>(directory.size()) +
            raw(begin) + "PK\6\7" + raw<uint32_t>(0) + raw(end) + raw<uint32_t>(1);
  }
  const auto count = zip64 ? uint16_t{0xffff} : static_cast<uint16_t>(entries.size());
  file += std::string("PK\5\6") + raw<uint32_t>(0) + raw(count) + raw(count) +
          (zip64 ? in_64 : raw(static_cast<uint32_t>(directory.size()))) +
          (zip64 ? in_64 : raw(static_cast<uint32_t>(begin))) + raw<uint16_t>(0);
  return file;
}

/// For tests: opcodes of a pickle.
inline std::string pickle_text(std::string_view text) {
  return std::string("X") + raw(static_cast<uint32_t>(text.size())) + std::string(text);
}
inline std::string pickle_number(int64_t number) { return std::string("\x8a\x08") + raw(number); }
inline std::string pickle_global(std::string_view module, std::string_view name) {
  return std::string("c") + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string pickle_tuple(const std::string& items) { return std::string("(") + items + "t"; }
inline std::string pickle_of(const std::string& opcodes) { return std::string("\x80\x02") + opcodes + "."; }

/// For tests: a tensor of a FloatStorage.
struct TestTensor {
  int64_t elements = 6;
  int64_t offset = 0;
  std::vector<int64_t> sizes = {2, 3};
  std::vector<int64_t> strides = {3, 1};
  std::string key = "0";  ///< of the storage
};

inline std::string pickle_tensor(const TestTensor& tensor) {
  std::string sizes;
  for (const int64_t size : tensor.sizes) sizes += pickle_number(size);
  std::string strides;
  for (const int64_t stride : tensor.strides) strides += pickle_number(stride);
  const std::string storage =
      pickle_tuple(pickle_text("storage") + pickle_global("torch", "FloatStorage") + pickle_text(tensor.key) +
                   pickle_text("cpu") + pickle_number(tensor.elements)) +
      "Q";
  const std::string arguments = storage + pickle_number(tensor.offset) + pickle_tuple(sizes) + pickle_tuple(strides) +
                                "\x89" + pickle_global("collections", "OrderedDict") + ")R";
  return pickle_global("torch._utils", "_rebuild_tensor_v2") + pickle_tuple(arguments) + "R";
}

/// For tests: a file of torch.save with this pickle and a storage "0".
inline std::string torch_zip(const std::string& pickle, const std::string& storage) {
  return make_zip({{.name = "archive/data.pkl", .bytes = pickle},
                   {.name = "archive/byteorder", .bytes = "little"},
                   {.name = "archive/data/0", .bytes = storage}});
}

}  // namespace paceline
