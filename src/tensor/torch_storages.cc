#include "tensor/torch_storages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "paceline/error.h"
#include "tensor/safetensors_format.h"
#include "tensor/zip_reader.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kPickleEntry = "data.pkl";
constexpr std::string_view kStorages = "data/";
// 0x1950a86a20f9469cfc6c, little endian: torch's magic number.
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kLegacyVersion = 1001;

[[noreturn]] void throw_corrupt(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {}", where, what));
}

[[noreturn]] void throw_big_endian(std::string_view where) {
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("[{}] the file was written by a big-endian machine, little-endian numbers were expected.", where));
}

/// The folder that all entries of the archive are in, its slash included: where data.pkl is.
std::string_view find_root(const std::vector<ZipEntry>& entries, std::string_view where) {
  std::optional<std::string_view> root;
  for (const ZipEntry& entry : entries) {
    const std::size_t slash = entry.name.find('/');
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (entry.name.substr(begin) != kPickleEntry) continue;
    if (root) throw_corrupt(where, "the archive has two data.pkl, one was expected.");
    root = entry.name.substr(0, begin);
  }
  if (!root) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the ZIP archive has no data.pkl, a file of torch.save was expected.", where));
  }
  return *root;
}

void check_no_program(const std::vector<ZipEntry>& entries, std::string_view root, std::string_view where) {
  for (const ZipEntry& entry : entries) {
    const std::string_view name = entry.name.substr(std::min(root.size(), entry.name.size()));
    if (name == "constants.pkl" || name.starts_with("code/")) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the file is a TorchScript program, a state_dict was expected. bench measures such "
                              "a file with --torchscript FILE.",
                              where));
    }
  }
}

}  // namespace

TorchArchive read_zip_form(std::span<const std::byte> file, std::string_view where) {
  const std::vector<ZipEntry> entries = read_zip(file, where);
  const std::string_view root = find_root(entries, where);
  TorchArchive archive;
  check_no_program(entries, root, where);
  for (const ZipEntry& entry : entries) {
    check_stored(entry, where);
    if (!entry.name.starts_with(root)) continue;
    const std::string_view name = entry.name.substr(root.size());
    const std::string_view text(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size());
    if (name == "byteorder" && text.starts_with("big")) throw_big_endian(where);
    if (name.starts_with(kStorages)) archive.storages.emplace(name.substr(kStorages.size()), entry.bytes);
    if (name == kPickleEntry) archive.pickle = read_pickle(entry.bytes, fmt::format("{}: data.pkl", where));
  }
  return archive;
}

namespace {

/// Reads one of the pickles at the beginning, and moves on to the next.
Pickle next_pickle(std::span<const std::byte>* rest, std::string_view where) {
  Pickle pickle = read_pickle(*rest, where);
  *rest = rest->subspan(pickle.bytes);
  return pickle;
}

void check_magic(const Pickle& pickle, std::string_view where) {
  const PickleValue& root = pickle.values[pickle.root];
  if (root.kind != Kind::kLong || root.text != kMagic) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] this is a pickle, but not one of torch.save. Save the "
                                                     "model's state_dict with torch.save or as safetensors.",
                                                     where));
  }
}

void check_version(const Pickle& pickle, std::string_view where) {
  const PickleValue& root = pickle.values[pickle.root];
  if (root.kind != Kind::kInteger || root.number != kLegacyVersion) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the version {} of torch.save's older form was expected.", where, kLegacyVersion));
  }
}

void check_machine(const Pickle& pickle, std::string_view where) {
  const PickleValue& root = pickle.values[pickle.root];
  for (std::size_t i = 0; root.kind == Kind::kDict && i < root.items.size(); i += 2) {
    const PickleValue& key = pickle.values[root.items[i]];
    const PickleValue& value = pickle.values[root.items[i + 1]];
    if (key.kind == Kind::kText && key.text == "little_endian" && value.kind == Kind::kBool && value.number == 0) {
      throw_big_endian(where);
    }
  }
}

/// Bytes of an element of each storage that the object names.
std::map<std::string_view, std::size_t> element_bytes(const Pickle& pickle) {
  std::map<std::string_view, std::size_t> sizes;
  for (const PickleValue& value : pickle.values) {
    if (value.kind == Kind::kStorage) sizes.emplace(value.text, dtype_size(value.dtype));
  }
  return sizes;
}

/// The storage at the beginning of `rest`: its number of elements, then they.
std::span<const std::byte> next_storage(std::span<const std::byte>* rest, std::size_t element, std::string_view place) {
  uint64_t count = 0;
  if (rest->size() < sizeof(count)) throw_corrupt(place, "its size was expected. Is the file truncated?");
  std::memcpy(&count, rest->data(), sizeof(count));
  *rest = rest->subspan(sizeof(count));
  if (count > rest->size() / element) {
    throw_corrupt(
        place, fmt::format("{} elements were announced, {} bytes follow. Is the file truncated?", count, rest->size()));
  }
  const std::span<const std::byte> bytes = rest->first(count * element);
  *rest = rest->subspan(bytes.size());
  return bytes;
}

}  // namespace

TorchArchive read_legacy_form(std::span<const std::byte> file, std::string_view where) {
  std::span<const std::byte> rest = file;
  check_magic(next_pickle(&rest, where), where);
  check_version(next_pickle(&rest, where), where);
  check_machine(next_pickle(&rest, where), where);
  TorchArchive archive{.pickle = next_pickle(&rest, where), .storages = {}};
  const Pickle keys = next_pickle(&rest, fmt::format("{}: storage keys", where));
  const std::map<std::string_view, std::size_t> sizes = element_bytes(archive.pickle);
  const PickleValue& list = keys.values[keys.root];
  if (list.kind != Kind::kList) throw_corrupt(where, "a list of storage keys was expected.");
  for (const uint32_t item : list.items) {
    const PickleValue& key = keys.values[item];
    const auto size = key.kind == Kind::kText ? sizes.find(key.text) : sizes.end();
    if (size == sizes.end()) throw_corrupt(where, "the file has a storage that no tensor names.");
    const std::string place = fmt::format("{}: storage {}", where, excerpt(key.text));
    if (!archive.storages.emplace(size->first, next_storage(&rest, size->second, place)).second) {
      throw_corrupt(place, "the storage is there twice.");
    }
  }
  if (!rest.empty()) throw_corrupt(where, fmt::format("the last {} bytes belong to no storage.", rest.size()));
  return archive;
}

}  // namespace paceline
