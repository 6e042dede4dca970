#include "rows/json_row.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Keys that a message lists where the wanted one is missing.
constexpr std::size_t kListedKeys = 20;

[[noreturn]] void throw_missing_key(const Json& object, const std::string& key, std::string_view where) {
  std::vector<std::string> keys;
  for (auto item = object.begin(); item != object.end() && keys.size() < kListedKeys; ++item) {
    keys.push_back(excerpt(item.key()));
  }
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] no key \"{}\". {}", where, excerpt(key), suggestion(key, keys)));
}

const Json& value_of(const Json& object, const std::string& key, std::string_view where) {
  const auto field = object.find(key);
  if (field == object.end()) throw_missing_key(object, key, where);
  return *field;
}

/// The string under `key`.
std::string text_of(const Json& object, const std::string& key, std::string_view where) {
  const Json& field = value_of(object, key, where);
  if (!field.is_string()) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the value of \"{}\" is a JSON {}, expected a string.", where,
                                                     excerpt(key), field.type_name()));
  }
  return field.get<std::string>();
}

}  // namespace

void parse_json_row(std::string_view object, std::string_view where, const RowReaderOptions& options, Row& row) {
  try {
    const Json parsed = parse_json(object, where, {.max_bytes = object.size()});
    if (!parsed.is_object()) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] a JSON {}, expected an object.", where, parsed.type_name()));
    }
    row.text.first = text_of(parsed, options.text_column.value_or(kDefaultTextColumn), where);
    if (!options.pair_column.empty()) row.text.second = text_of(parsed, options.pair_column, where);
    if (!options.label_column.empty()) row.label = value_of(parsed, options.label_column, where).dump();
  } catch (const Error& error) {
    row.text = Text();
    row.error = error.what();
  }
}

}  // namespace paceline
