#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/reader_gone.h"
#include "base/system_failure.h"
#include "cli/bus_error.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/out_of_memory.h"
#include "cli/version_text.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

bool asks_for_help(const std::string& argument) { return argument == "--help" || argument == "-h"; }

std::string overview() {
  std::string out =
      "paceline: the fastest way to run your text classifier on this machine, with proof that its answers\n"
      "have not changed.\n\n";
  for (const CommandEntry& entry : commands()) {
    if (!entry.hidden()) out += fmt::format("  paceline {:<10} {}\n", entry.name, entry.make().summary);
  }
  return out +
         "  paceline --version  version, build, compiler, plug-ins\n\nHelp for a command: paceline COMMAND --help\n";
}

const CommandEntry& find_command(const std::string& name) {
  std::vector<std::string> known;
  for (const CommandEntry& entry : commands()) {
    if (name == entry.name) return entry;
    if (!entry.hidden()) known.emplace_back(entry.name);
  }
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[paceline] the command \"{}\" is not known. {}", excerpt(name), suggestion(name, known))};
}

int dispatch(const std::vector<std::string>& arguments, Console& console) {
  if (arguments.empty() || asks_for_help(arguments.front())) {
    console.write(overview());
    return arguments.empty() ? kExitUsage : kExitDone;
  }
  if (arguments.front() == "--version") {
    console.write(version_text());
    return kExitDone;
  }
  const CommandEntry& entry = find_command(arguments.front());
  report_bus_errors();
  if (!entry.hidden()) install_signal_handlers(entry.kind == CommandKind::kEndsAtOnce);
  const Command command = entry.make();
  install_out_of_memory_handler(command);
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (std::any_of(rest.begin(), rest.end(), asks_for_help)) {
    console.write(help_text(command));
    return kExitDone;
  }
  parse_arguments(command, rest);
  return command.run({.console = console, .command_line = quote_command_line(arguments)});
}

/// Says what was caught, as one sentence.
int report_caught(Console& console) {
  try {
    throw_caught_as_error();
  } catch (const Error& error) {
    console.note("paceline: " + std::string(error.what()));
    return interrupted() ? kExitInterrupted : exit_code(error.code());
  }
}

}  // namespace

int run_cli(int argc, char** argv) {
  Console console;
  try {
    return dispatch(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), console);
  } catch (const OutputClosed&) {
    return kExitDone;
  } catch (const ReaderGone&) {
    return kExitDone;
  } catch (const WaitBrokenOff&) {
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    console.note(out_of_memory_line());
    return kExitExhausted;
  } catch (...) {
    return report_caught(console);
  }
}

}  // namespace paceline
