#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/suggest.h"
#include "paceline/error.h"
#include "text/line_rows.h"

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

/// The string under `key`.
std::string text_of(const Json& object, const std::string& key, std::string_view where) {
  const auto field = object.find(key);
  if (field == object.end()) throw_missing_key(object, key, where);
  if (!field->is_string()) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the value of \"{}\" is a JSON {}, expected a string.", where,
                                                     excerpt(key), field->type_name()));
  }
  return field->get<std::string>();
}

/// The line is a JSON object, and the text stands under a key.
class JsonlReader : public LineRows {
 public:
  using LineRows::LineRows;

  RowFormat format() const override { return RowFormat::kJsonl; }

 private:
  void parse(std::string_view line, uint64_t line_number, Row& row) const override {
    const std::string where = fmt::format("line {}", line_number);
    try {
      const Json object = parse_json(line, where, {.max_bytes = line.size()});
      if (!object.is_object()) {
        throw Error(ErrorCode::kCorruptData,
                    fmt::format("[{}] a JSON {}, expected an object.", where, object.type_name()));
      }
      row.text.first = text_of(object, options().text_column, where);
      if (!options().pair_column.empty()) row.text.second = text_of(object, options().pair_column, where);
    } catch (const Error& error) {
      row.text = Text();
      row.error = error.what();
    }
  }
};

}  // namespace

std::unique_ptr<RowReader> make_jsonl_reader(RowInput input) { return std::make_unique<JsonlReader>(std::move(input)); }

}  // namespace paceline
