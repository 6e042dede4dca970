#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "words/numbers.h"
#include "words/printable.h"

namespace paceline {
namespace {

constexpr double kBarSeconds = 0.1;    // between two drawings of a bar: fluent to the eye, cheap per call
constexpr double kLineSeconds = 10.0;  // between two lines of a log

class StderrProgress : public Progress {
 public:
  StderrProgress(std::string title, std::string unit)
      : title_(std::move(title)), unit_(std::move(unit)), terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~StderrProgress() override { finish(); }

  void update(double done, double total, std::string_view note) override {
    const double now = monotonic_seconds();
    state_ = {title_, unit_, done, total, now - start_, std::string(note)};
    pending_ = true;
    if (now - shown_ >= (terminal_ ? kBarSeconds : kLineSeconds)) {
      show(now);
    }
  }

  void finish() override {
    if (std::exchange(pending_, false)) {
      show(monotonic_seconds());
    }
    if (terminal_ && std::exchange(drawn_, false)) {
      std::fputc('\n', stderr);
    }
    pending_ = false;
  }

 private:
  void show(double now) {
    const std::string line = progress_line(state_, terminal_ ? terminal_width() : 0);
    const std::string text = terminal_ ? "\r" + line + "\033[K" : line + "\n";
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
    shown_ = now;
    drawn_ = true;
    pending_ = false;
  }

  static int terminal_width() {
    struct winsize size = {};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
  }

  std::string title_;
  std::string unit_;
  bool terminal_;
  double start_ = monotonic_seconds();
  double shown_ = start_;
  bool drawn_ = false;
  bool pending_ = false;
  ProgressState state_;
};

// Before that a share says nothing about the time left.
constexpr double kLeastShare = 0.01;
constexpr double kLeastSeconds = 1;

bool counts_seconds(const ProgressState& state) { return state.unit == "s"; }

/// Time that took longer than was expected has an end that nobody knows.
bool has_total(const ProgressState& state) {
  return state.total > 0 && (state.done <= state.total || !counts_seconds(state));
}

/// ", 2 s left", else the time that has passed, unless that is what is counted.
std::string time_words(const ProgressState& state, double share) {
  const bool unfinished = has_total(state) && share < 1;
  if (counts_seconds(state)) {
    return unfinished ? fmt::format(", {} left", format_whole_duration(state.total - state.done)) : "";
  }
  if (unfinished && share >= kLeastShare && state.elapsed_seconds >= kLeastSeconds) {
    return fmt::format(", {} left", format_whole_duration(state.elapsed_seconds * (1 - share) / share));
  }
  return fmt::format(", {}", format_whole_duration(state.elapsed_seconds));
}

}  // namespace

std::string progress_line(const ProgressState& state, int width) {
  const double share = has_total(state) ? std::clamp(state.done / state.total, 0.0, 1.0) : 0.0;
  std::string counts = fmt::format("{:.0f}", state.done);
  if (has_total(state)) {
    counts += fmt::format("/{:.0f}", state.total);
  }
  counts += fmt::format(" {}{}", state.unit, time_words(state, share));
  const std::string note = state.note.empty() ? "" : "  " + printable(state.note);
  const bool bar = width > 0 && has_total(state);
  constexpr int kCells = 20;
  const int filled = static_cast<int>(share * kCells);
  std::string line =
      bar ? fmt::format("{} [{:#<{}}{:.<{}}] {}{}", state.title, "", filled, "", kCells - filled, counts, note)
          : fmt::format("{}: {}{}", state.title, counts, note);
  if (width > 0 && line.size() >= static_cast<std::size_t>(width)) {
    line.resize(static_cast<std::size_t>(width) - 1);  // a line that wraps could not be drawn over
  }
  return line;
}

std::unique_ptr<Progress> make_stderr_progress(std::string title, std::string unit) {
  return std::make_unique<StderrProgress>(std::move(title), std::move(unit));
}

}  // namespace paceline
