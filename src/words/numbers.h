#pragma once

#include <cstdint>
#include <string>

namespace paceline {

/// Numbers in words, alike in messages, the recommendation, the page, the charts and the terminal. "-" stands for what
/// is not finite.

/// Whether a number is read most easily with all its digits, not as "2.40e-11".
bool is_plain(double value);
/// A number with `digits` significant digits and separated thousands: "24.1", "0.0512", "1,240"; "2.40e-11".
std::string format_number(double value, int digits = 3);
/// A number with exactly `decimals` decimals and separated thousands.
std::string format_decimals(double value, int decimals);
/// Decimals that show `digits` significant digits of `value`; 0 where it is not finite.
int decimals_of(double value, int digits);
/// "1,000".
std::string format_count(int64_t value);
/// A share as a percentage with `decimals`: 0.331 -> "33.1 %".
std::string format_percent(double share, int decimals = 1);
/// Decimal units, three digits: "512 MB".
std::string format_bytes(int64_t bytes);
/// "42 s", "4 min 12 s", "2 h 05 min"; below ten seconds with a decimal: "3.4 s".
std::string format_duration(double seconds);
/// The same in whole seconds, rounded up: "4 s", for what is only a guess.
std::string format_whole_duration(double seconds);
/// A difference of logits: "1.2e-06", "0".
std::string format_difference(double value);
/// "2.51x", "0.96x", "12.4x".
std::string format_ratio(double ratio);

}  // namespace paceline
