#include "cli/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "paceline/error.h"
#include "words/suggest.h"
#include "words/wrap.h"

namespace paceline {
namespace {

constexpr std::size_t kHelpColumns = 100;
constexpr std::size_t kFlagColumns = 26;  ///< wide enough for "  --max-batch-tokens LIST"

bool is_positional(const Flag& flag) { return !flag.name.starts_with("-"); }

[[noreturn]] void refuse(const Command& command, std::string_view what) {
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[{}] {} See paceline {} --help.", command.name, what, command.name)};
}

/// Sets a flag, naming it in whatever is wrong with its value.
void set_flag(const Command& command, const Flag& flag, const std::string& value) {
  try {
    flag.set(value);
  } catch (const Error& error) {
    refuse(command, fmt::format("{}: {}", flag.name, error.what()));
  }
}

/// What another subcommand calls so.
std::string_view same_flag(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSame{
      {{"--text", "--input"}, {"--input", "--text"}, {"--out", "--output"}, {"--output", "--out"}}};
  for (const auto& [given, other] : kSame) {
    if (given == name && std::find(known.begin(), known.end(), other) != known.end()) return other;
  }
  return {};
}

void refuse_unknown(const Command& command, const std::string& argument) {
  if (!argument.starts_with("-")) {
    refuse(command, fmt::format("the argument \"{}\" was not expected.", excerpt(argument)));
  }
  std::vector<std::string> known;
  for (const Flag& flag : command.flags) {
    if (!is_positional(flag)) known.push_back(flag.name);
  }
  const std::string name = argument.substr(0, argument.find('='));
  std::string_view nearest = same_flag(name, known);
  if (nearest.empty()) nearest = nearest_name(name, known);
  refuse(command, nearest.empty() ? fmt::format("the flag {} is not known.", excerpt(name))
                                  : fmt::format("the flag {} is not known. Did you mean {}?", excerpt(name), nearest));
}

/// Of a flag that stands several times only one value could count, and the others would be lost.
void refuse_repeated(const Command& command, const CLI::App& app) {
  for (const Flag& flag : command.flags) {
    const CLI::Option& option = *app.get_option(flag.name);
    if (flag.repeats || flag.value.empty() || option.count() < 2) continue;
    const bool lists = flag.value == "LIST" || flag.value.ends_with(",...");
    const std::string times = option.count() == 2 ? "twice" : fmt::format("{} times", option.count());
    refuse(
        command,
        fmt::format("{} was given {} ({}). Give it once{}.", flag.name, times,
                    excerpt(fmt::format("{}", fmt::join(option.results(), " and "))),
                    lists ? fmt::format(", as {}", excerpt(fmt::format("{}", fmt::join(option.results(), ",")))) : ""));
  }
}

/// The flag that CLI11's words are about ("--name: 1 required TEXT missing", "Could not convert: --quiet = maybe");
/// null where they name none.
const Flag* flag_of(const Command& command, std::string_view words) {
  const auto found = std::ranges::find_if(command.flags, [&](const Flag& flag) {
    return words.starts_with(flag.name + ':') || words.find(": " + flag.name + ' ') != std::string_view::npos;
  });
  return found == command.flags.end() ? nullptr : &*found;
}

/// A flag without its value, or a switch with one.
[[noreturn]] void refuse_parsing(const Command& command, const CLI::ParseError& error) {
  const Flag* flag = flag_of(command, error.what());
  if (flag == nullptr) refuse(command, fmt::format("{}.", error.what()));
  if (flag->value.empty()) refuse(command, fmt::format("{} was given a value, and it takes none.", flag->name));
  refuse(command, fmt::format("{} was given without a value, {} was expected behind it.", flag->name, flag->value));
}

void check_required(const Command& command, const CLI::App& app) {
  for (const Flag& flag : command.flags) {
    if (flag.required && app.get_option(flag.name)->count() == 0) {
      refuse(command, fmt::format("{} is missing.", flag.name));
    }
  }
}

/// `text` in lines of at most `columns`, the lines after the first indented.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
  return fmt::format("{}", fmt::join(wrap(text, static_cast<int>(columns)), '\n' + std::string(indent, ' ')));
}

std::string usage_line(const Command& command) {
  std::string line = "  paceline " + command.name;
  bool optional = false;
  for (const Flag& flag : command.flags) {
    if (!flag.required && !flag.usual) {
      optional = true;
      continue;
    }
    line += ' ' + flag.name;
    if (!flag.value.empty()) line += ' ' + flag.value;
  }
  return line + (optional ? " [flags]\n" : "\n");
}

}  // namespace

void parse_arguments(const Command& command, const std::vector<std::string>& arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  for (const Flag& flag : command.flags) {
    if (flag.repeats) {
      app.add_option_function<std::vector<std::string>>(flag.name,
                                                        [&command, &flag](const std::vector<std::string>& values) {
                                                          for (const std::string& value : values)
                                                            set_flag(command, flag, value);
                                                        })
          ->allow_extra_args(false);
    } else if (is_positional(flag) || !flag.value.empty()) {
      app.add_option_function<std::string>(
             flag.name, [&command, &flag](const std::string& value) { set_flag(command, flag, value); })
          ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    } else {
      app.add_flag_callback(flag.name, [&command, &flag] { set_flag(command, flag, ""); });
    }
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    refuse_repeated(command, app);
    refuse_parsing(command, error);
  }
  const std::vector<std::string> unknown = app.remaining();
  const auto flag =
      std::find_if(unknown.begin(), unknown.end(), [](const auto& text) { return text.starts_with("-"); });
  if (!unknown.empty()) refuse_unknown(command, flag == unknown.end() ? unknown.front() : *flag);
  check_required(command, app);
}

std::string quote_command_line(const std::vector<std::string>& arguments) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%";
  std::string line = "paceline";
  for (const std::string& argument : arguments) {
    line += ' ';
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string{"'\\''"} : std::string{c};
    line += '\'';
  }
  return line;
}

std::string help_text(const Command& command) {
  std::string out = fmt::format("paceline {}: {}\n{}\n", command.name, command.summary, usage_line(command));
  std::string left = " ";
  for (std::size_t i = 0; i < command.flags.size(); ++i) {
    const Flag& flag = command.flags[i];
    left += fmt::format(" {}{}{}", flag.name, flag.value.empty() ? "" : " ", flag.value);
    // Neighbours of which the same is to be said share a line.
    if (i + 1 < command.flags.size() && command.flags[i + 1].help == flag.help) {
      left += ',';
      continue;
    }
    const std::size_t columns = left.size() > kFlagColumns ? left.size() + 1 : kFlagColumns;
    out += fmt::format("{:<{}} {}\n", left, columns, wrapped(flag.help, kHelpColumns - columns - 1, columns + 1));
    left = " ";
  }
  if (!command.notes.empty()) out += '\n' + wrapped(command.notes, kHelpColumns, 0) + '\n';
  return out;
}

}  // namespace paceline
