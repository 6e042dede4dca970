#pragma once

#include <cstdint>
#include <string>

#include "results/results.h"

namespace paceline {

/// Numbers in words, alike in the recommendation, the page, the charts and the terminal.

/// A number with `digits` significant digits and separated thousands: "24.1", "0.0512", "1,240". "-" where not finite.
std::string format_number(double value, int digits = 3);
/// A number with exactly `decimals` decimals and separated thousands.
std::string format_decimals(double value, int decimals);
/// "1,000".
std::string format_count(int64_t value);

/// Whether there is a median, and whether there is an interval around it.
bool has_median(const Estimate& estimate);
bool has_interval(const Estimate& estimate);
/// "24.0 to 24.3", with as many decimals as the median is shown with; empty without an interval.
std::string format_interval(const Estimate& estimate);

/// "native fp32"; the device too where it is not the CPU.
std::string engine_words(const Configuration& configuration);
std::string engine_words(const BackendResult& backend);

}  // namespace paceline
