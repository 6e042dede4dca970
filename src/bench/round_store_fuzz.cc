#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "base/temporary_folder.h"
#include "bench/round_store.h"
#include "paceline/error.h"

namespace {

std::optional<std::size_t> resumed_turns(const std::filesystem::path& folder) {
  try {
    return paceline::RoundStore::resume(folder, {{"checkpoint", "abc"}}).turns();
  } catch (const paceline::Error&) {
    return std::nullopt;
  }
}

}  // namespace

/// Any content of rounds.jsonl is resumed or refused with an Error; what was resumed once is resumed again, and no turn
/// is lost by it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const paceline::TemporaryFolder kFolder;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  paceline::write_file_atomically(paceline::round_store_file(kFolder.path()), content);
  const auto turns = resumed_turns(kFolder.path());
  if (turns && resumed_turns(kFolder.path()) != turns) std::abort();
  return 0;
}
