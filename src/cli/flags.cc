#include "cli/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "backend/registry.h"
#include "base/device.h"
#include "batch/order_names.h"
#include "paceline/error.h"
#include "words/split.h"
#include "words/suggest.h"

namespace paceline {
namespace {

[[noreturn]] void refuse(std::string_view given, std::string_view expected) {
  throw Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" was given, {}.", excerpt(given), expected)};
}

int64_t parse_integer(std::string_view text, int64_t low, int64_t high) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
    refuse(text, fmt::format("a whole number from {} to {} was expected", low, high));
  }
  return value;
}

/// A number and the unit behind it; nothing where there is no number.
std::optional<std::pair<double, std::string_view>> split_unit(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return std::pair{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

struct Unit {
  std::string_view name;
  double factor;
};

std::optional<double> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const auto split = split_unit(text);
  if (!split) return std::nullopt;
  for (const Unit& unit : units) {
    if (split->second == unit.name) return split->first * unit.factor;
  }
  return std::nullopt;
}

/// What a list names twice would be done twice.
template <class T>
void refuse_repeats(const std::vector<T>& items, const std::string& text) {
  for (auto item = items.begin(); item != items.end(); ++item) {
    if (std::find(items.begin(), item, *item) == item) continue;
    refuse(text, fmt::format("a list that names each value once was expected, and {} stands there twice", *item));
  }
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items = split(text, ',');
  if (std::ranges::find(items, "") != items.end()) {
    refuse(text, "a comma-separated list without empty items was expected");
  }
  refuse_repeats(items, text);
  return items;
}

}  // namespace

Setter set_switch(bool& target) {
  return [&target](const std::string&) { target = true; };
}

Setter set_string(std::string& target) {
  return [&target](const std::string& given) { target = given; };
}

Setter set_path(std::filesystem::path& target) {
  return [&target](const std::string& given) {
    if (given.empty()) refuse(given, "a path was expected");
    target = given;
  };
}

Setter set_integer(int32_t& target, int64_t low, int64_t high) {
  return [&target, low, high](const std::string& given) {
    target = static_cast<int32_t>(parse_integer(given, low, high));
  };
}

Setter set_integer(std::optional<int32_t>& target, int64_t low, int64_t high) {
  return [&target, low, high](const std::string& given) {
    target = static_cast<int32_t>(parse_integer(given, low, high));
  };
}

Setter set_seed(uint64_t& target) {
  return [&target](const std::string& given) {
    target = static_cast<uint64_t>(parse_integer(given, 0, std::numeric_limits<int64_t>::max()));
  };
}

Setter set_number(double& target, double low, double high) {
  return [&target, low, high](const std::string& given) {
    const auto split = split_unit(given);
    if (!split || !split->second.empty() || split->first < low || split->first > high) {
      refuse(given, fmt::format("a number from {} to {} was expected", low, high));
    }
    target = split->first;
  };
}

Setter set_duration(double& target_seconds) {
  return [&target_seconds](const std::string& given) { target_seconds = parse_duration(given); };
}

Setter set_bytes(int64_t& target) {
  return [&target](const std::string& given) { target = parse_bytes(given); };
}

Setter set_devices(std::vector<std::string>& target) {
  return [&target](const std::string& given) {
    target.clear();
    for (const std::string& name : split_list(given)) target.push_back(device_name(parse_device(name)));
    refuse_repeats(target, given);
  };
}

Setter set_list(std::vector<std::string>& target) {
  return [&target](const std::string& given) { target = split_list(given); };
}

Setter set_integers(std::vector<int32_t>& target, int64_t low, int64_t high) {
  return [&target, low, high](const std::string& given) {
    target.clear();
    for (const std::string& item : split_list(given)) {
      target.push_back(static_cast<int32_t>(parse_integer(item, low, high)));
    }
    refuse_repeats(target, given);
  };
}

Setter set_known(std::string& target, std::vector<std::string> known) {
  return [&target, known = std::move(known)](const std::string& given) {
    check_known(given, known);
    target = given;
  };
}

Setter set_known_list(std::vector<std::string>& target, std::vector<std::string> known) {
  return [&target, known = std::move(known)](const std::string& given) {
    target = split_list(given);
    for (const std::string& item : target) check_known(item, known);
  };
}

Setter set_orders(std::vector<Order>& target) {
  return [&target](const std::string& given) {
    target.clear();
    for (const std::string& item : split_list(given)) {
      set_choice(target.emplace_back(), kOrderNames)(item);
    }
  };
}

double parse_duration(std::string_view text) {
  constexpr std::array<Unit, 5> kUnits{{{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}}};
  constexpr double kLongest = 30.0 * 24 * 3600;
  const auto seconds = parse_with_unit(text, kUnits);
  if (!seconds || *seconds <= 0 || *seconds > kLongest) {
    refuse(text, "a duration above 0 and up to 30 days was expected, such as 60s, 5m or 2h");
  }
  return *seconds;
}

int64_t parse_bytes(std::string_view text) {
  constexpr double kKi = 1024;
  constexpr std::array<Unit, 10> kUnits{{{"", 1},
                                         {"B", 1},
                                         {"KB", 1e3},
                                         {"MB", 1e6},
                                         {"GB", 1e9},
                                         {"TB", 1e12},
                                         {"KiB", kKi},
                                         {"MiB", kKi * kKi},
                                         {"GiB", kKi * kKi * kKi},
                                         {"TiB", kKi * kKi * kKi * kKi}}};
  constexpr double kLargest = 1e15;
  const auto bytes = parse_with_unit(text, kUnits);
  if (!bytes || *bytes < 1 || *bytes > kLargest) {
    refuse(text, "a size was expected, such as 512MB, 4GB or 4GiB");
  }
  return static_cast<int64_t>(*bytes);
}

void check_known(const std::string& given, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), given) != known.end()) return;
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not known. {}", excerpt(given), suggestion(given, known))};
}

std::vector<std::string> known_compute_types() {
  std::vector<std::string> known;
  for (const BackendEntry& entry : known_backends()) {
    for (const std::string& type : entry.compute_types) {
      if (std::find(known.begin(), known.end(), type) == known.end()) known.push_back(type);
    }
  }
  return known;
}

Setter set_delimiter(char& target) {
  return [&target](const std::string& given) {
    const std::vector<std::pair<std::string_view, char>> names{{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'},
                                                               {"\\t", '\t'},  {"bar", '|'},       {"pipe", '|'}};
    const auto named = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == given; });
    const char delimiter = named != names.end() ? named->second : given.size() == 1 ? given.front() : '\0';
    if (delimiter_name(delimiter).empty()) refuse(given, "comma, semicolon, tab, bar or one of , ; | was expected");
    target = delimiter;
  };
}

std::vector<Flag> row_flags(RowReaderOptions& rows) {
  std::vector<std::string_view> formats;
  for (const auto& [format, name] : kRowFormatNames) formats.push_back(name);
  return {{"--format", "FORMAT", fmt::format("{} (default auto: ending, else content)", fmt::join(formats, ", ")),
           set_choice(rows.format, kRowFormatNames)},
          {"--delimiter", "D", "CSV separator: comma, semicolon, tab, bar (default comma, or what fits)",
           set_delimiter(rows.delimiter)},
          {"--text-column", "NAME", "column or field that holds the text (default text)",
           [&rows](const std::string& given) { rows.text_column = given; }},
          {"--pair-column", "NAME", "column or field that holds the second text of a pair (default none)",
           [&rows](const std::string& given) {
             if (given.empty()) refuse(given, "the name of a column was expected");
             rows.pair_column = given;
           }}};
}

std::vector<Flag> user_file_flags(std::vector<UserFile>& files, std::string_view verb) {
  std::vector<Flag> table;
  for (const BackendEntry& entry : known_backends()) {
    if (!entry.files) continue;
    table.push_back({entry.files->flag, "FILE",
                     fmt::format("{} this file of yours too; may be repeated (default none)", verb),
                     [&files, &entry](const std::string& given) {
                       UserFile file{.backend = entry.name, .path = {}};
                       set_path(file.path)(given);
                       files.push_back(std::move(file));
                     },
                     false, true});
  }
  return table;
}

Flag threads_flag(int32_t& threads) {
  return {"--threads", "N", "number of threads; 0: all usable CPUs (default 0)", set_integer(threads, 0, 1024)};
}

Flag cache_dir_flag(std::filesystem::path& cache_dir) {
  return {"--cache-dir", "DIR", "folder for exported files and hashes (default ~/.cache/paceline)",
          set_path(cache_dir)};
}

Flag model_dir_flag(std::filesystem::path& model_dir) {
  return {"MODEL_DIR", "", "folder of a model, or org/name[@revision] in the local hub cache", set_path(model_dir),
          true};
}

Flag model_or_plan_flag(std::filesystem::path& model) {
  return {"MODEL_DIR|plan.json", "", "folder of a model, org/name in the hub cache, or bench's plan", set_path(model),
          true};
}

Flag base_flag(std::filesystem::path& base) {
  return {"--base", "DIR", "model that MODEL_DIR's LoRA adapter changes (default: the one it names)", set_path(base)};
}

std::vector<Flag> weight_flags(std::filesystem::path& file, std::string& prefix, std::filesystem::path& base) {
  return {
      {"--weights", "FILE", "file with the weights (default: those of the folder)", set_path(file)},
      {"--prefix", "P", "remove this prefix from the weights' names, skip others (default none)", set_string(prefix)},
      base_flag(base)};
}

}  // namespace paceline
