#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "bench/round_store.h"
#include "paceline/error.h"

namespace {

using paceline::RoundStore;

const paceline::RunIdentity kIdentity{{"checkpoint", "abc"}};

std::optional<RoundStore> resumed(const std::filesystem::path& folder) {
  try {
    RoundStore store = RoundStore::open_saved(folder);
    store.resume(kIdentity);
    return store;
  } catch (const paceline::Error&) {
    return std::nullopt;
  }
}

/// A turn that no file of a corpus has.
paceline::SavedTurn another_turn() {
  return {.key = paceline::turn_key({.backend = "fuzz", .batch_size = 1}),
          .timing = {.batches = 1, .tokens = 5, .share = 1, .seconds = 0.5},
          .text_seconds = {0.5}};
}

bool is_overwritten(const std::filesystem::path& folder) {
  try {
    RoundStore::create(folder, kIdentity);
    return true;
  } catch (const paceline::Error&) {
    return false;
  }
}

}  // namespace

/// Any content of rounds.jsonl is resumed or refused with an Error, never overwritten; a resumed run goes on behind it,
/// and resuming that finds every turn.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const paceline::TemporaryFolder kFolder;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  paceline::write_file_atomically(paceline::round_store_file(kFolder.path()), content);
  if (is_overwritten(kFolder.path())) std::abort();
  std::size_t turns = 0;
  {
    std::optional<RoundStore> store = resumed(kFolder.path());
    if (!store) return 0;
    store->append(another_turn(), 1);
    turns = store->turns();
  }
  const std::optional<RoundStore> again = resumed(kFolder.path());
  const bool found = again && again->find(another_turn().key, 0, false) != nullptr;
  if (!found || again->turns() != turns) std::abort();
  return 0;
}
