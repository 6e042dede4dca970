#include "cli/config_notes.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/json.h"
#include "network/architecture.h"

namespace paceline {

ConfigNotes read_config_notes(const Checkpoint& checkpoint) {
  const std::filesystem::path file = checkpoint.parts().config / "config.json";
  const Json config = read_json_file(file);
  return {.saved_by = saved_by(config, {}), .notices = config_notices(config, checkpoint.network(), file.string())};
}

void note_config(const Checkpoint& checkpoint, Console& console) {
  for (const std::string& notice : read_config_notes(checkpoint).notices) {
    console.note(fmt::format("paceline: {}.", notice));
  }
}

}  // namespace paceline
