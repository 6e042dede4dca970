#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace paceline {

/// What the program says, as a line, where memory ends in a command: which of its flags lower what it takes.
std::string out_of_memory_line(const Command& command);

/// From now on the program ends with that line and kExitExhausted, temporary files removed, where memory ends in a
/// library that cannot throw.
void install_out_of_memory_handler(const Command& command);

/// The line of the command that was installed, a general one before. Allocates nothing.
std::string_view out_of_memory_line() noexcept;

}  // namespace paceline
