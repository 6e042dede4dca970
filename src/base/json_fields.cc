#include "base/json_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/path_json.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {

void JsonFieldWriter::text(std::string_view key, const std::string& value, const TextRule& rule) {
  if (rule.written) put(key, rule.null_if_empty ? text_or_null(value) : OrderedJson(value));
}

void JsonFieldWriter::path(std::string_view key, const std::filesystem::path& value, const TextRule& rule) {
  if (rule.written) put(key, OrderedJson(path_to_json(value)));
}

void JsonFieldWriter::number(std::string_view key, double value, const NumberRule& rule) {
  if (rule.written) figure(key, value, true);
}

void JsonFieldWriter::figure(std::string_view key, double value, bool known, const NumberRule& /*rule*/) {
  put(key, known ? finite_or_null(value) : OrderedJson());
}

JsonFieldReader::JsonFieldReader(const Json& json, std::string where, const JsonReading& how)
    : json_(json), where_(std::move(where)), how_(how) {
  if (!json.is_object()) refuse("a JSON object was expected");
}

bool JsonFieldReader::has(std::string_view key) const {
  const auto field = json_.find(key);
  return field != json_.end() && !field->is_null();
}

void JsonFieldReader::refuse(std::string_view what) const {
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] {}.{}{}", where_, what, how_.hint.empty() ? "" : " ", how_.hint));
}

void JsonFieldReader::refuse_null(std::string_view key, std::string_view expected) const {
  refuse(fmt::format("\"{}\" is null; leave it out or give {}", key, expected));
}

bool JsonFieldReader::lacks(std::string_view key, std::string_view expected) const {
  if (!json_.contains(key)) return true;
  if (has(key)) return false;
  if (how_.refuses_null) refuse_null(key, expected);
  return true;
}

void JsonFieldReader::text(std::string_view key, std::string& value, const TextRule& rule) const {
  if (rule.required || has(key)) value = json_string(json_, key, where_);
}

void JsonFieldReader::name(std::string_view key, std::string& value) const {
  value = json_string(json_, key, where_);
  if (value.empty()) refuse(fmt::format("\"{}\" is empty, a name was expected", key));
}

void JsonFieldReader::path(std::string_view key, std::filesystem::path& value, const TextRule& rule) const {
  if (rule.required || has(key)) value = json_path(json_, key, where_);
}

void JsonFieldReader::flag(std::string_view key, bool& value, const FlagRule& rule) const {
  if (rule.required || has(key)) value = json_bool(json_, key, where_);
}

void JsonFieldReader::number(std::string_view key, double& value, const NumberRule& rule) const {
  const bool there = json_.contains(key);
  if (!rule.required && !there) return;
  if (!rule.required && rule.finite && !has(key)) {
    refuse_null(key, "a number");
  }
  const std::optional<double> if_null = there && !rule.finite ? std::optional(std::nan("")) : std::nullopt;
  value = json_number(json_, key, where_, rule.low, rule.high, if_null);
}

void JsonFieldReader::figure(std::string_view key, double& value, bool /*known*/, const NumberRule& rule) const {
  if (has(key)) number(key, value, rule);
}

void JsonFieldReader::word(std::string_view key, std::string& value,
                           std::initializer_list<std::string_view> known) const {
  if (!has(key)) return;
  text(key, value);
  check_word(key, value, {known.begin(), known.size()});
}

void JsonFieldReader::numbers(std::string_view key, std::vector<double>& values, const ListRule& rule) const {
  values.clear();
  for (const Json& item : list(key, rule.most)) {
    if (!item.is_number() || item < 0) refuse_item(key, item, "numbers from 0");
    values.push_back(item.get<double>());
  }
}

void JsonFieldReader::numbers_by_name(std::string_view key, std::map<std::string, float>& values,
                                      const ListRule& rule) const {
  values.clear();
  if (lacks(key, "an object")) return;
  const Json& object = json_.at(std::string(key));
  if (!object.is_object()) refuse(fmt::format("\"{}\" is not an object", key));
  if (object.size() > rule.most)
    refuse(fmt::format("\"{}\" has {} entries, at most {} were expected", key, object.size(), rule.most));
  for (const auto& [name, value] : object.items()) {
    if (!value.is_number()) refuse_item(key, value, "numbers");
    values[name] = value.get<float>();
  }
}

void JsonFieldReader::texts(std::string_view key, std::vector<std::string>& values, const ListRule& rule) const {
  values.clear();
  for (const Json& item : list(key, rule.most)) {
    if (!item.is_string()) refuse_item(key, item, "texts");
    values.push_back(item.get<std::string>());
  }
}

JsonFieldReader JsonFieldReader::inner(std::string_view key) const {
  return {json_.at(std::string(key)), inside(key), how_};
}

std::string JsonFieldReader::inside(std::string_view key) const { return fmt::format("{}: {}", where_, key); }

std::string JsonFieldReader::inside(std::string_view key, std::size_t index) const {
  return fmt::format("{}: {}[{}]", where_, key, index);
}

const Json& JsonFieldReader::list(std::string_view key, std::size_t most) const {
  static const Json kNone = Json::array();
  if (lacks(key, "a list")) return kNone;
  const Json& list = json_.at(std::string(key));
  if (!list.is_array()) refuse(fmt::format("\"{}\" is no list", key));
  if (list.size() > most)
    refuse(fmt::format("\"{}\" has {} entries, at most {} were expected", key, list.size(), most));
  return list;
}

std::size_t JsonFieldReader::rows_of_columns() const {
  std::optional<std::size_t> count;
  for (const auto& [key, value] : json_.items()) {
    const std::size_t size = list(key, ListRule{}.most).size();
    if (count.value_or(size) != size)
      refuse(fmt::format("lists of {} and of {} entries, all alike were expected", *count, size));
    count = size;
  }
  return count.value_or(0);
}

Json JsonFieldReader::row_of_columns(std::size_t index) const {
  Json row = Json::object();
  for (const auto& [key, values] : json_.items()) row[key] = values[index];
  return row;
}

int64_t JsonFieldReader::signed_integer(std::string_view key, int64_t fallback, const IntegerRule& rule,
                                        int64_t most) const {
  if (!rule.required && !has(key)) return fallback;
  return json_integer(json_, key, where_, rule.low, std::min(rule.high, most));
}

/// All 64 bits, which json_integer() does not read.
uint64_t JsonFieldReader::unsigned_integer(std::string_view key, uint64_t fallback, const IntegerRule& rule) const {
  if (!rule.required && !has(key)) return fallback;
  const auto field = json_.find(key);
  if (field == json_.end() || !field->is_number_unsigned())
    refuse(fmt::format("\"{}\" is no whole number from 0", key));
  return field->get<uint64_t>();
}

void JsonFieldReader::refuse_item(std::string_view key, const Json& item, std::string_view expected) const {
  refuse(fmt::format("\"{}\" holds {}, {} were expected", key,
                     excerpt(item.dump(-1, ' ', false, Json::error_handler_t::replace)), expected));
}

void JsonFieldReader::check_word(std::string_view key, std::string_view given,
                                 std::span<const std::string_view> known) const {
  if (std::ranges::find(known, given) != known.end()) return;
  refuse(fmt::format("\"{}\" is \"{}\", one of {} was expected", key, excerpt(given), fmt::join(known, ", ")));
}

}  // namespace paceline
