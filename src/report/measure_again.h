#pragma once

#include <string>
#include <string_view>

namespace paceline {

/// The commands that measure again beside a report, and compare the two.
struct MeasureAgain {
  std::string bench;
  std::string compare;
};

/// From the command of the report, quoted for a shell: with another --out, as the same one would replace what the new
/// figures are to be compared with, and without --resume.
MeasureAgain measure_again(std::string_view command);

}  // namespace paceline
