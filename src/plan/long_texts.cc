#include "plan/long_texts.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Mode = LongTextOptions::Mode;
using Combine = LongTextOptions::Combine;
constexpr Mode kModes[] = {Mode::kTruncate, Mode::kWindow};
constexpr Combine kCombines[] = {Combine::kMean, Combine::kMax, Combine::kFirst};

template <class Value, class Name>
Value find_name(std::span<const Value> values, Name name_of, std::string_view given, std::string_view where) {
  std::vector<std::string> names;
  for (const Value value : values) {
    if (name_of(value) == given) return value;
    names.emplace_back(name_of(value));
  }
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] \"{}\" is not known. {}", where, excerpt(given), suggestion(given, names)));
}

}  // namespace

std::string_view long_mode_name(Mode mode) { return mode == Mode::kWindow ? "window" : "truncate"; }

std::string_view combine_name(Combine combine) {
  switch (combine) {
    case Combine::kMean:
      return "mean";
    case Combine::kMax:
      return "max";
    case Combine::kFirst:
      return "first";
  }
  return "unknown";
}

void write_long_texts(const std::optional<LongTextOptions>& options, nlohmann::ordered_json& json) {
  if (!options) return;
  json["long"] = long_mode_name(options->mode);
  if (options->mode != LongTextOptions::Mode::kWindow) return;
  json["stride"] = options->stride;
  json["combine"] = combine_name(options->combine);
  json["combine_over"] = options->over_logits ? "logits" : "probabilities";
}

std::optional<LongTextOptions> read_long_texts(const Json& json, const std::string& where) {
  if (!json.contains("long")) return std::nullopt;
  LongTextOptions options;
  options.mode = find_name<Mode>(kModes, long_mode_name, json_string(json, "long", where), where);
  options.stride = static_cast<int32_t>(json_integer(json, "stride", where, 0, std::numeric_limits<int32_t>::max(), 0));
  options.combine = find_name<Combine>(kCombines, combine_name, json_string(json, "combine", where, "mean"), where);
  const std::string over = json_string(json, "combine_over", where, "probabilities");
  if (over != "logits" && over != "probabilities") {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] combine_over is \"{}\", probabilities or logits was expected.", where, excerpt(over)));
  }
  options.over_logits = over == "logits";
  return options;
}

}  // namespace paceline
