#pragma once

#include <string>
#include <vector>

#include "base/saved_by.h"
#include "checkpoint/checkpoint.h"
#include "cli/console.h"

namespace paceline {

/// What people have to know about a checkpoint's config.json.
struct ConfigNotes {
  SavedBy saved_by{};
  std::vector<std::string> notices{};  ///< such as keys that nothing reads; each a sentence without its full stop
};
ConfigNotes read_config_notes(const Checkpoint& checkpoint);

/// Says the notices on standard error.
void note_config(const Checkpoint& checkpoint, Console& console);

}  // namespace paceline
