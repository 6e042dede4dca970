#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "paceline/error.h"
#include "train/training_progress.h"

/// Any text as progress.json of a checkpoint is read or refused with an Error; what was read can be counted on and says
/// the same once it is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  paceline::TrainingProgress progress;
  paceline::Json identity;
  try {
    const paceline::Json json = paceline::parse_json(text, "progress.json");
    identity = paceline::read_training_identity(json, "progress.json");
    progress = paceline::read_training_progress(json, "progress.json");
  } catch (const paceline::Error&) {
    return 0;
  }
  if (progress.open_updates > progress.updates || progress.history.best_update > progress.updates) __builtin_trap();
  const std::string written = paceline::json_text(paceline::training_progress_json(progress, identity));
  const paceline::Json again = paceline::parse_json(written, "written");
  if (paceline::read_training_identity(again, "written") != identity) __builtin_trap();
  const paceline::TrainingProgress read = paceline::read_training_progress(again, "written");
  if (paceline::json_text(paceline::training_progress_json(read, identity)) != written) __builtin_trap();
  return 0;
}
