#include "cli/notices.h"

#include <fmt/format.h>

#include <utility>

namespace paceline {

std::unique_ptr<Progress> make_progress(bool quiet, std::string title, std::string unit) {
  return quiet ? make_silent_progress() : make_stderr_progress(std::move(title), std::move(unit));
}

std::string grouped(int64_t value) {
  std::string digits = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t place = digits.size(); place > first + 3;) {
    place -= 3;
    digits.insert(place, 1, ',');
  }
  return digits;
}

}  // namespace paceline
