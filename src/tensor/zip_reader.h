#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace paceline {

/// One file within a ZIP archive: where its bytes lie in the archive.
struct ZipEntry {
  std::string_view name;             ///< points into the archive
  std::span<const std::byte> bytes;  ///< as they stand there
  uint16_t method = 0;               ///< of compression; 0: none
};

/// Whether this is a ZIP archive, by its first bytes.
bool is_zip(std::span<const std::byte> file);

/// The entries of a ZIP archive held in memory, in the order of its directory. Nothing is decompressed, so no entry is
/// larger than what the file holds. ZIP64 is read. Checksums are not compared.
/// Throws Error{corrupt_data} for an archive that is truncated or contradicts itself, entries that overlap, a name
/// twice; Error{unsupported} for encrypted entries and archives in several parts. `where` opens messages.
std::vector<ZipEntry> read_zip(std::span<const std::byte> file, std::string_view where);

/// Throws Error{unsupported} that names a compressed entry: torch.save compresses nothing.
void check_stored(const ZipEntry& entry, std::string_view where);

}  // namespace paceline
