#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/enum_names.h"
#include "base/token_types_name.h"
#include "batch/batch_planner.h"
#include "bench/bench.h"
#include "paceline/classifier.h"
#include "rows/row_reader.h"

namespace paceline {

/// One flag or positional argument: a row of a subcommand's table.
///
///   {"--texts", "N", "texts in the sample (default 1000)", set_integer(options.texts, 1, kMaxTexts)}
struct Flag {
  std::string name;   ///< "--texts"; without dashes: a positional argument
  std::string value;  ///< what stands behind it in the help; empty: a switch; LIST or X,...: a list
  std::string help;   ///< what it does, its unit, its default
  std::function<void(const std::string&)> set;  ///< throws Error{invalid_argument}; run_cli adds the flag's name
  bool required = false;
  bool repeats = false;  ///< may stand several times, and each counts; else twice is refused, but for switches
  bool usual = false;    ///< the usage line has it, too, though some ways to call do without
};

/// Setters: each returns a function that checks a value and stores it in a variable that must live as long.
using Setter = std::function<void(const std::string&)>;

Setter set_switch(bool& target);
Setter set_string(std::string& target);
Setter set_path(std::filesystem::path& target);
/// "cpu", "cuda:0", ... Throws Error{invalid_argument}.
Setter set_devices(std::vector<std::string>& target);
Setter set_integer(int32_t& target, int64_t low, int64_t high);
Setter set_integer(std::optional<int32_t>& target, int64_t low, int64_t high);
Setter set_seed(uint64_t& target);
Setter set_number(double& target, double low, double high);
Setter set_duration(double& target_seconds);
Setter set_bytes(int64_t& target);
/// Comma-separated.
Setter set_list(std::vector<std::string>& target);
Setter set_integers(std::vector<int32_t>& target, int64_t low, int64_t high);

/// What stands between the fields of CSV, by name or as the character itself. Throws Error{invalid_argument}.
Setter set_delimiter(char& target);

/// A value out of a table of names; an unknown one is refused with the nearest.
template <class T>
Setter set_choice(T& target, std::vector<std::pair<std::string, std::remove_cvref_t<T>>> choices);
/// The same out of a table that files are read with, too; a target may be optional.
template <class T, class Value, std::size_t N>
Setter set_choice(T& target, const EnumNames<Value, N>& names);
Setter set_known(std::string& target, std::vector<std::string> known);
Setter set_known_list(std::vector<std::string>& target, std::vector<std::string> known);
Setter set_orders(std::vector<Order>& target);

/// "5m", "60s", "1.5h", "90" (seconds). Throws Error{invalid_argument}.
double parse_duration(std::string_view text);
/// "4GB", "512MiB", "1000000". Throws Error{invalid_argument}.
int64_t parse_bytes(std::string_view text);
/// Throws Error{invalid_argument} with the nearest known name.
void check_known(const std::string& given, const std::vector<std::string>& known);

/// Every compute type that some backend has.
std::vector<std::string> known_compute_types();

/// --format, --delimiter, --text-column, --pair-column.
std::vector<Flag> row_flags(RowReaderOptions& rows);
/// --threshold, --class-weights.
std::vector<Flag> label_flags(LabelOptions& labels);
/// "0.5", "spam=0.3,ham=0.7", or both: a number without a label counts for all others. A label may hold "=", and
/// "," where it stands in double quotes: "\"a, b\"=0.5".
/// Throws Error{invalid_argument}.
Setter set_threshold(LabelOptions& target);
Setter set_class_weights(LabelOptions& target);

/// --long, --stride, --combine, --combine-over, together.
struct LongTextFlags {
  std::optional<LongTextOptions::Mode> mode{};
  std::optional<int32_t> stride{};
  std::optional<LongTextOptions::Combine> combine{};
  std::string combine_over{};
};
std::vector<Flag> long_text_flags(LongTextFlags& flags);
/// `planned` with what was given instead. Throws Error{invalid_argument} for windows' flags without windows; `command`
/// opens the message.
std::optional<LongTextOptions> long_text_options(const LongTextFlags& flags,
                                                 const std::optional<LongTextOptions>& planned,
                                                 std::string_view command);

/// A flag for each backend that runs files of the user's own; `verb`: what is done with them.
std::vector<Flag> user_file_flags(std::vector<UserFile>& files, std::string_view verb);

Flag threads_flag(int32_t& threads);
Flag cache_dir_flag(std::filesystem::path& cache_dir);
/// A folder, or an id of the hub: find_model_folder says which.
Flag model_dir_flag(std::filesystem::path& model_dir);
/// The same, or a plan.json: read_deployment says which.
Flag model_or_plan_flag(std::filesystem::path& model);
Flag base_flag(std::filesystem::path& base);
/// --weights, --prefix, --base: the fields of CheckpointOptions.
std::vector<Flag> weight_flags(std::filesystem::path& file, std::string& prefix, std::filesystem::path& base);

template <class T>
Setter set_choice(T& target, std::vector<std::pair<std::string, std::remove_cvref_t<T>>> choices) {
  return [&target, choices = std::move(choices)](const std::string& given) {
    std::vector<std::string> known;
    for (const auto& [name, value] : choices) {
      if (name == given) {
        target = value;
        return;
      }
      known.push_back(name);
    }
    check_known(given, known);
  };
}

template <class T, class Value, std::size_t N>
Setter set_choice(T& target, const EnumNames<Value, N>& names) {
  std::vector<std::pair<std::string, T>> choices;
  for (const auto& [value, name] : names) choices.emplace_back(name, value);
  return set_choice(target, std::move(choices));
}

/// --token-types for a TokenTypes, or an optional one.
template <class T>
Flag token_types_flag(T& types) {
  return {"--token-types", "WHICH", "given to the model: yes, no or as-saved (default as-saved)",
          set_choice(types, kTokenTypeNames)};
}

}  // namespace paceline
