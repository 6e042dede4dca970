#include "cli/notices.h"

#include <fmt/format.h>

#include <utility>

#include "cli/progress_bar.h"

namespace paceline {

std::unique_ptr<Progress> make_progress(bool quiet, std::string title, std::string unit) {
  return quiet ? make_silent_progress() : make_stderr_progress(std::move(title), std::move(unit));
}

void note_checkpoint(const Checkpoint& checkpoint, Console& console) {
  for (const std::string& notice : checkpoint.notices()) console.note(fmt::format("paceline: {}.", notice));
  if (checkpoint.random_weights()) console.note(fmt::format("paceline: {}", kRandomWeightsNotice));
}

void note_notices(BenchOptions& bench, Console& console) {
  bench.listener.on_notice = [&console](const std::string& notice) {
    console.note(fmt::format("paceline: {}.", notice));
  };
}

}  // namespace paceline
