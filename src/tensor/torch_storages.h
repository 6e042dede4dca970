#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "tensor/pickle_reader.h"

namespace paceline {

/// The pickle of a file of torch.save, and the bytes of the storages that its tensors name by key.
struct TorchArchive {
  Pickle pickle;
  std::map<std::string_view, std::span<const std::byte>> storages;
};

/// The form of torch 1.6 and later: a ZIP archive with data.pkl and an entry data/KEY for each storage.
TorchArchive read_zip_form(std::span<const std::byte> file, std::string_view where);

/// The form before: pickles of a magic number, a version, the machine, the object and the storages' keys, then each
/// storage's size and bytes.
TorchArchive read_legacy_form(std::span<const std::byte> file, std::string_view where);

}  // namespace paceline
