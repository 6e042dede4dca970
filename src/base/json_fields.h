#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/enum_names.h"
#include "base/json.h"
#include "base/json_text.h"

namespace paceline {

/// Structs as JSON objects: each struct is described once, and the description both writes and reads it.
///
///   void fields(auto& visitor, FieldsOf<Timing> auto& is) {
///     visitor.integer("round", is.round, {.high = 1'000'000, .required = true});
///     visitor.number("seconds", is.seconds);
///   }
///
/// JsonFieldWriter and JsonFieldReader are the visitors. A field that a file lacks, or that is null, keeps its value,
/// unless it is required. Files are hostile: what has another type or is out of range is refused, with its place in the
/// file. A rule's `written` is the writer's alone: false leaves the field out.
template <class Given, class Struct>
concept FieldsOf = std::same_as<std::remove_const_t<Given>, Struct>;

struct TextRule {
  bool required = false;
  bool written = true;
  bool null_if_empty = false;  ///< written as null where empty; else as ""
};

struct ChoiceRule {
  bool required = false;
  bool written = true;
};

struct FlagRule {
  bool required = false;
};

struct IntegerRule {
  int64_t low = 0;
  int64_t high = std::numeric_limits<int64_t>::max();  ///< or the type's own limit, where that is less
  bool required = false;
  bool written = true;
};

struct NumberRule {
  double low = 0;
  double high = std::numeric_limits<double>::max();
  bool required = false;  ///< has to be there
  bool finite = false;    ///< null is refused; else it is read as NaN, and NaN and infinity are written as null
  bool written = true;
};

struct ListRule {
  std::size_t most = 1'000'000;
  bool written = true;
};

class JsonFieldWriter {
 public:
  static constexpr bool kReads = false;

  explicit JsonFieldWriter(OrderedJson& json) : json_(json) {
    if (json.is_null()) json = OrderedJson::object();
  }

  void text(std::string_view key, const std::string& value, const TextRule& rule = {});
  /// Text that is never empty.
  void name(std::string_view key, const std::string& value) { put(key, value); }
  /// A path without loss, also where its bytes are not UTF-8 (path_json.h).
  void path(std::string_view key, const std::filesystem::path& value, const TextRule& rule = {});
  void flag(std::string_view key, bool value, const FlagRule& = {}) { put(key, value); }
  template <std::integral Integer>
  void integer(std::string_view key, Integer value, const IntegerRule& rule = {}) {
    if (rule.written) put(key, value);
  }
  void number(std::string_view key, double value, const NumberRule& rule = {});
  /// A number that may not be known: it is written as null then, and null leaves it as it is.
  void figure(std::string_view key, double value, bool known, const NumberRule& rule = {});
  void texts(std::string_view key, const std::vector<std::string>& values, const ListRule& rule = {}) {
    if (rule.written) put(key, values);
  }
  template <class Number>
  void numbers(std::string_view key, const std::vector<Number>& values, const ListRule& rule = {}) {
    if (rule.written) put(key, values);
  }
  /// An object with a number for each name.
  void numbers_by_name(std::string_view key, const std::map<std::string, float>& values, const ListRule& rule = {}) {
    if (rule.written) put(key, values);
  }
  template <class Enum, std::size_t N>
  void choice(std::string_view key, Enum value, const EnumNames<Enum, N>& names, const ChoiceRule& rule = {}) {
    for (const auto& [known, name] : names) {
      if (rule.written && known == value) put(key, std::string(name));
    }
  }

  void word(std::string_view key, const std::string& value, std::initializer_list<std::string_view> /*known*/) {
    put(key, value);
  }

  /// An object of its own. `describe(visitor)` visits its fields.
  template <class Describe>
  void object(std::string_view key, const Describe& describe) {
    OrderedJson inner = OrderedJson::object();
    JsonFieldWriter visitor(inner);
    describe(visitor);
    put(key, std::move(inner));
  }
  /// An object that may not be there: `there` says whether it is, and is set by the reader. Written as null where not.
  template <class Describe>
  void object_or_null(std::string_view key, bool there, const Describe& describe) {
    if (there) {
      object(key, describe);
    } else {
      put(key, nullptr);
    }
  }
  /// A list of objects. `describe(visitor, row)` visits the fields of each.
  template <class Row, class Describe>
  void rows(std::string_view key, const std::vector<Row>& rows, const Describe& describe, const ListRule& = {}) {
    OrderedJson list = OrderedJson::array();
    for (const Row& row : rows) {
      OrderedJson& inner = list.emplace_back(OrderedJson::object());
      JsonFieldWriter visitor(inner);
      describe(visitor, row);
    }
    put(key, std::move(list));
  }
  /// The same as an object of lists, one for each field, so that names are not repeated. Nothing where there are no
  /// rows.
  template <class Row>
  void columns(std::string_view key, const std::vector<Row>& rows) {
    OrderedJson lists;
    for (const Row& row : rows) {
      OrderedJson inner;
      JsonFieldWriter visitor(inner);
      fields(visitor, row);
      for (auto& [name, value] : inner.items()) lists[name].push_back(std::move(value));
    }
    if (!rows.empty()) put(key, std::move(lists));
  }

  /// Only for whoever reads a part of the file; a reader of all of it has it from elsewhere and passes over it.
  template <class Value>
  void repeated(std::string_view key, Value&& value) {
    put(key, std::forward<Value>(value));
  }
  template <class Words>
  void check(bool /*right*/, const Words& /*words*/) const {}

 private:
  template <class Value>
  void put(std::string_view key, Value&& value) {
    json_[std::string(key)] = std::forward<Value>(value);
  }

  OrderedJson& json_;
};

/// How a file is read.
struct JsonReading {
  std::string_view hint = {};  ///< ends messages about what fields mean together
  bool refuses_null = false;   ///< null for a list, an object or a choice is refused, else it counts as missing
};

/// Throws Error{corrupt_data}.
class JsonFieldReader {
 public:
  static constexpr bool kReads = true;

  /// `json` outlives this. `where` opens messages.
  JsonFieldReader(const Json& json, std::string where, const JsonReading& how = {});

  bool has(std::string_view key) const;
  const std::string& where() const { return where_; }
  const Json& json() const { return json_; }
  [[noreturn]] void refuse(std::string_view what) const;

  void text(std::string_view key, std::string& value, const TextRule& rule = {}) const;
  void name(std::string_view key, std::string& value) const;
  void path(std::string_view key, std::filesystem::path& value, const TextRule& rule = {}) const;
  void flag(std::string_view key, bool& value, const FlagRule& rule = {}) const;
  template <std::integral Integer>
  void integer(std::string_view key, Integer& value, const IntegerRule& rule = {}) const {
    if constexpr (std::same_as<Integer, uint64_t>) {
      value = unsigned_integer(key, value, rule);
    } else {
      constexpr int64_t kMost = std::numeric_limits<Integer>::max();
      value = static_cast<Integer>(signed_integer(key, value, rule, kMost));
    }
  }
  void number(std::string_view key, double& value, const NumberRule& rule = {}) const;
  void figure(std::string_view key, double& value, bool known, const NumberRule& rule = {}) const;
  void texts(std::string_view key, std::vector<std::string>& values, const ListRule& rule = {}) const;
  template <std::integral Integer>
  void numbers(std::string_view key, std::vector<Integer>& values, const ListRule& rule = {}) const {
    values.clear();
    for (const Json& item : list(key, rule.most)) {
      const bool whole = item.is_number_integer() && item >= 0 && item <= std::numeric_limits<Integer>::max();
      if (!whole) refuse_item(key, item, "whole numbers from 0");
      values.push_back(item.get<Integer>());
    }
  }
  void numbers(std::string_view key, std::vector<double>& values, const ListRule& rule = {}) const;
  void numbers_by_name(std::string_view key, std::map<std::string, float>& values, const ListRule& rule = {}) const;
  template <class Enum, std::size_t N>
  void choice(std::string_view key, Enum& value, const EnumNames<Enum, N>& names, const ChoiceRule& rule = {}) const {
    if (!rule.required && lacks(key, "a name")) return;
    std::string given;
    text(key, given, {.required = true});
    std::vector<std::string_view> known;
    for (const auto& [one, name] : names) {
      if (name == given) value = one;
      known.push_back(name);
    }
    check_word(key, given, known);
  }

  /// One of a few words.
  void word(std::string_view key, std::string& value, std::initializer_list<std::string_view> known) const;

  template <class Describe>
  void object(std::string_view key, const Describe& describe) const {
    if (lacks(key, "an object")) return;
    JsonFieldReader visitor = inner(key);
    describe(visitor);
  }
  template <class Describe>
  void object_or_null(std::string_view key, bool& there, const Describe& describe) const {
    there = has(key);
    if (there) object(key, describe);
  }
  template <class Row, class Describe>
  void rows(std::string_view key, std::vector<Row>& rows, const Describe& describe, const ListRule& rule = {}) const {
    rows.clear();
    std::size_t index = 0;
    for (const Json& item : list(key, rule.most)) {
      JsonFieldReader visitor(item, inside(key, index++), how_);
      describe(visitor, rows.emplace_back());
    }
  }
  template <class Row>
  void columns(std::string_view key, std::vector<Row>& rows) const {
    rows.clear();
    if (lacks(key, "an object")) return;
    const JsonFieldReader lists = inner(key);
    const std::size_t count = lists.rows_of_columns();
    for (std::size_t i = 0; i < count; ++i) {
      const Json row = lists.row_of_columns(i);
      JsonFieldReader visitor(row, inside(key, i), how_);
      fields(visitor, rows.emplace_back());
    }
  }

  template <class Value>
  void repeated(std::string_view /*key*/, const Value& /*value*/) const {}
  /// Refuses with `words()` where what was read is not right.
  template <class Words>
  void check(bool right, const Words& words) const {
    if (!right) refuse(words());
  }

 private:
  /// Whether the field is missing. Throws where it is null and that is refused; `expected` says what may stand there.
  bool lacks(std::string_view key, std::string_view expected) const;
  [[noreturn]] void refuse_null(std::string_view key, std::string_view expected) const;
  JsonFieldReader inner(std::string_view key) const;
  std::string inside(std::string_view key) const;
  std::string inside(std::string_view key, std::size_t index) const;
  /// Without the field there are none.
  const Json& list(std::string_view key, std::size_t most) const;
  std::size_t rows_of_columns() const;
  Json row_of_columns(std::size_t index) const;
  int64_t signed_integer(std::string_view key, int64_t fallback, const IntegerRule& rule, int64_t most) const;
  uint64_t unsigned_integer(std::string_view key, uint64_t fallback, const IntegerRule& rule) const;
  [[noreturn]] void refuse_item(std::string_view key, const Json& item, std::string_view expected) const;
  void check_word(std::string_view key, std::string_view given, std::span<const std::string_view> known) const;

  const Json& json_;
  std::string where_;
  JsonReading how_;
};

}  // namespace paceline
