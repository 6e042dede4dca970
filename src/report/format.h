#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "results/format_estimate.h"
#include "results/results.h"

namespace paceline {

/// Numbers and names in words, alike in the page, the charts and the terminal; beside those of bench.

/// A share as a percentage with `decimals`: 0.331 -> "33.1 %".
std::string format_percent(double share, int decimals = 1);
/// Decimal units, three digits: "512 MB".
std::string format_bytes(int64_t bytes);
/// "42 s", "4 min 12 s", "2 h 05 min".
std::string format_duration(double seconds);
/// A difference of logits: "1.2e-06", "0".
std::string format_difference(double value);

/// "2.51x", "0.96x", "12.4x".
std::string format_ratio(double ratio);

/// "as given", "sorted by length".
std::string_view order_words(Order order);
/// "64", or "16,384 tokens" where a token budget rules.
std::string batch_words(const Configuration& configuration);
/// "native fp32, batch 64, sorted by length".
std::string configuration_words(const Configuration& configuration);

/// Text that may stand in HTML and SVG, in content and in quoted attributes: markup escaped, and bytes that are not
/// UTF-8 or characters that XML forbids replaced by U+FFFD.
std::string escape_markup(std::string_view text);

}  // namespace paceline
