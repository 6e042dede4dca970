#pragma once

#include <string_view>

namespace paceline {

/// What the program says, as a line, where memory ends.
inline constexpr std::string_view kOutOfMemory =
    "paceline: [memory] there is not enough of it. Lower --max-batch-tokens or the batch size, or split lines of many "
    "megabytes.";

/// From now on the program ends with kOutOfMemory and kExitExhausted, temporary files removed, where memory ends in a
/// library that cannot throw.
void install_out_of_memory_handler();

}  // namespace paceline
