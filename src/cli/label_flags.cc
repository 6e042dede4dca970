#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/flags.h"
#include "paceline/error.h"
#include "plan/plan_fields.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr float kLargestWeight = 1e6F;

float parse_number(std::string_view text, float low, float high, std::string_view hint = {}) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value >= low && value <= high) return value;
  throw Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" was given, a number from {} to {} was expected.{}{}",
                                                       excerpt(text), low, high, hint.empty() ? "" : " ", hint)};
}

constexpr std::string_view kQuoting = "A label with a comma stands in double quotes: \"a, b\"=0.5.";

/// Takes a label in double quotes off the front, a quote in it written twice, and the "=" behind it.
std::string take_quoted(std::string_view& given) {
  std::string label;
  for (std::size_t i = 1; i < given.size(); ++i) {
    if (given[i] != '"') {
      label += given[i];
    } else if (given.substr(i + 1).starts_with('"')) {
      label += given[i++];
    } else if (given.substr(i + 1).starts_with('=')) {
      given.remove_prefix(i + 2);
      return label;
    } else {
      break;
    }
  }
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("{} was given, \"LABEL\"=NUMBER was expected where a label stands in double quotes.",
                          excerpt(given))};
}

/// A label's number, once.
void set_once(std::map<std::string, float>& values, const std::string& label, float value) {
  if (values.emplace(label, value).second) return;
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("label \"{}\" was given twice. Give it one number.", excerpt(label))};
}

/// LABEL=NUMBER items; an item without "=" goes to `all`, where there is one.
std::map<std::string, float> parse_by_label(std::string_view given, float low, float high, std::optional<float>* all) {
  std::map<std::string, float> values;
  while (true) {
    std::optional<std::string> quoted;
    if (given.starts_with('"')) quoted = take_quoted(given);
    const std::size_t comma = given.find(',');
    const std::string_view item = given.substr(0, comma);
    const std::size_t equals = item.rfind('=');
    if (quoted) {
      set_once(values, *quoted, parse_number(item, low, high));
    } else if (equals == std::string_view::npos) {
      if (all == nullptr) {
        throw Error{ErrorCode::kInvalidArgument,
                    fmt::format("\"{}\" was given, LABEL=NUMBER was expected, several separated by commas. {}",
                                excerpt(item), kQuoting)};
      }
      if (*all) {
        throw Error{ErrorCode::kInvalidArgument,
                    fmt::format("\"{}\" is a second number for all labels. Give one.", excerpt(item))};
      }
      *all = parse_number(item, low, high, kQuoting);
    } else {
      set_once(values, std::string(item.substr(0, equals)), parse_number(item.substr(equals + 1), low, high));
    }
    if (comma == std::string_view::npos) return values;
    given.remove_prefix(comma + 1);
  }
}

}  // namespace

Setter set_threshold(LabelOptions& target) {
  return [&target](const std::string& given) {
    target.threshold.reset();
    target.label_thresholds = parse_by_label(given, 0, 1, &target.threshold);
  };
}

Setter set_class_weights(LabelOptions& target) {
  return [&target](const std::string& given) {
    target.class_weights = parse_by_label(given, 1 / kLargestWeight, kLargestWeight, nullptr);
  };
}

std::vector<Flag> label_flags(LabelOptions& labels) {
  return {{"--threshold", "X,...", "score that labels need, or A=X,\"B, C\"=Y (default: the plan's, else none)",
           set_threshold(labels)},
          {"--class-weights", "LIST", "LABEL=W,...: multiply the probabilities (default: the plan's, else 1)",
           set_class_weights(labels)}};
}

std::vector<Flag> long_text_flags(LongTextFlags& flags) {
  return {{"--long", "HOW", "cut long texts (truncate) or split them (window) (default: the plan's, else truncate)",
           set_choice(flags.mode, kLongModeNames)},
          {"--stride", "N", "tokens that a window shares with the one before (default 0)",
           set_integer(flags.stride, 0, 1'000'000)},
          {"--combine", "HOW", "combine a text's windows: mean, max or first of them (default mean)",
           set_choice(flags.combine, kCombineNames)},
          {"--combine-over", "WHAT", "probabilities or logits (default probabilities)",
           set_known(flags.combine_over, {"probabilities", "logits"})}};
}

std::optional<LongTextOptions> long_text_options(const LongTextFlags& flags,
                                                 const std::optional<LongTextOptions>& planned,
                                                 std::string_view command) {
  std::optional<LongTextOptions> options = planned;
  if (flags.mode) {
    if (!options) options.emplace();
    options->mode = *flags.mode;
  }
  const std::string_view of_windows = flags.stride                  ? "--stride"
                                      : flags.combine               ? "--combine"
                                      : !flags.combine_over.empty() ? "--combine-over"
                                                                    : "";
  if (!of_windows.empty() && (!options || options->mode != LongTextOptions::Mode::kWindow)) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[{}] {} needs --long window. Give both.", command, of_windows)};
  }
  if (flags.stride) options->stride = *flags.stride;
  if (flags.combine) options->combine = *flags.combine;
  if (!flags.combine_over.empty()) options->over_logits = flags.combine_over == "logits";
  return options;
}

}  // namespace paceline
