#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace paceline {

/// Where long work reports how far it is. Called from one thread; cheap enough to call per batch.
class Progress {
 public:
  /// `total` 0 where unknown. `note` is a short text beside the bar ("best so far: ...").
  virtual void update(double done, double total, std::string_view note) = 0;
  /// Ends the bar; later output starts on a fresh line.
  virtual void finish() = 0;
  virtual ~Progress() = default;
};

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

/// Says nothing.
std::unique_ptr<Progress> make_silent_progress();

/// On stderr: a bar with the time left where it is a terminal, else a line every ten seconds.
std::unique_ptr<Progress> make_stderr_progress(std::string title, std::string unit);

}  // namespace paceline
