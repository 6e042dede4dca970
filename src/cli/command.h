#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/flags.h"

namespace paceline {

/// What a subcommand gets beside its options.
struct Invocation {
  Console& console;
  std::string command_line;  ///< as it could be typed again
};

/// A subcommand: what it takes and what it does. `run` and the setters own the options they share.
struct Command {
  std::string name;
  std::string summary;                        ///< one line
  std::vector<Flag> flags;                    ///< positional arguments first
  std::string notes;                          ///< stands below the flags in the help; may be empty
  std::function<int(const Invocation&)> run;  ///< returns an ExitCode; throws Error
};

/// Parses the arguments behind the subcommand's name. Throws Error{invalid_argument}; an unknown flag gets the nearest.
void parse_arguments(const Command& command, const std::vector<std::string>& arguments);

/// "paceline bench out/model --text 'my texts.txt'": quoted where a shell needs it.
std::string quote_command_line(const std::vector<std::string>& arguments);

/// At most 100 columns.
std::string help_text(const Command& command);

enum class CommandKind {
  kFinishes,    ///< the first Ctrl-C lets it finish what it is at, and keep what it has
  kEndsAtOnce,  ///< what it has is nothing before it is all: Ctrl-C ends it at once
  kHidden,      ///< not for people; handles signals by itself
};

/// A row of the table of subcommands.
struct CommandEntry {
  const char* name;
  Command (*make)();
  CommandKind kind = CommandKind::kFinishes;
  bool hidden() const { return kind == CommandKind::kHidden; }
};
std::span<const CommandEntry> commands();

}  // namespace paceline
