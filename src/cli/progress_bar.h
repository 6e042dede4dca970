#pragma once

#include <memory>
#include <string>

#include "base/progress.h"

namespace paceline {

/// How far a piece of work is, as one line shows it.
struct ProgressState {
  std::string title;
  std::string unit;
  double done = 0;
  double total = 0;  ///< 0: unknown
  double elapsed_seconds = 0;
  std::string note;
};

/// The line: a bar of at most `width` columns with the time left, or for width 0 a line of a log.
std::string progress_line(const ProgressState& state, int width);

/// On stderr: a bar with the time left where it is a terminal, else a line every ten seconds.
std::unique_ptr<Progress> make_stderr_progress(std::string title, std::string unit);

}  // namespace paceline
