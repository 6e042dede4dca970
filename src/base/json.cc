#include "base/json.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/file.h"
#include "base/git_lfs.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

[[noreturn]] void throw_corrupt(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {}", where, what));
}

/// Builds the document from the parser's events, which show what a finished document hides: a key given twice, and
/// nesting before it has been followed.
class DocumentBuilder {
 public:
  DocumentBuilder(std::string_view text, std::string_view where, const JsonLimits& limits)
      : text_(text), where_(where), max_depth_(static_cast<std::size_t>(limits.max_depth)) {}

  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(value); }
  bool number_float(Json::number_float_t value, const Json::string_t& /*text*/) { return add(value); }
  bool string(Json::string_t& value) { return add(std::move(value)); }
  bool binary(Json::binary_t& value) { return add(std::move(value)); }
  bool start_object(std::size_t /*elements*/) { return open(Json::object()); }
  bool start_array(std::size_t /*elements*/) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(Json::string_t& name) {
    if (path_.back()->contains(name)) {
      throw_corrupt(where_,
                    fmt::format("the key \"{}\" stands twice in one JSON object, once was expected.", excerpt(name)));
    }
    slot_ = &(*path_.back())[name];
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    // The parser counts bytes from 1 and points behind the one it stumbled over.
    const std::size_t byte = position == 0 ? 0 : std::min(position - 1, text_.size());
    if (error.id == kOutOfRange) {
      throw_corrupt(where_, fmt::format("the number before byte {} is beyond a double.", byte));
    }
    if (byte >= text_.size()) {
      throw_corrupt(where_, fmt::format("the JSON ends unfinished at byte {}. Is the file truncated?", text_.size()));
    }
    throw_corrupt(
        where_, fmt::format("not valid JSON (UTF-8) at byte {}: \"{}\".", byte, excerpt(text_.substr(byte, kNearby))));
  }

 private:
  static constexpr int kOutOfRange = 406;  // nlohmann-json's id of "number overflow"
  static constexpr std::size_t kNearby = 24;

  template <class Value>
  Json* place(Value&& value) {
    if (path_.empty()) {
      root_ = Json(std::forward<Value>(value));
      return &root_;
    }
    Json& parent = *path_.back();
    if (parent.is_array()) {
      return &parent.emplace_back(std::forward<Value>(value));
    }
    *slot_ = Json(std::forward<Value>(value));
    return slot_;
  }

  template <class Value>
  bool add(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }

  bool open(Json container) {
    if (path_.size() >= max_depth_) {
      throw_corrupt(where_, fmt::format("JSON is nested deeper than {} levels.", max_depth_));
    }
    path_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    path_.pop_back();
    return true;
  }

  std::string_view text_;
  std::string_view where_;
  std::size_t max_depth_;
  Json root_;
  Json* slot_ = nullptr;     // where the value of the last key goes
  std::vector<Json*> path_;  // containers that are open, outermost first
};

std::string value_text(const Json& value) {
  return excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// The field's value; null counts as missing, as it does for transformers. Null where it is missing and may be.
const Json* find_field(const Json& object, std::string_view key, std::string_view where, bool optional) {
  if (!object.is_object()) {
    throw_corrupt(where, fmt::format("a JSON object with \"{}\" was expected, found {}.", key, value_text(object)));
  }
  const auto field = object.find(key);
  if (field != object.end() && !field->is_null()) {
    return &*field;
  }
  if (!optional) {
    throw_corrupt(where, fmt::format("\"{}\" is missing.", key));
  }
  return nullptr;
}

[[noreturn]] void throw_field(std::string_view where, std::string_view key, const Json& value,
                              std::string_view expected) {
  throw_corrupt(where, fmt::format("\"{}\" is {}, {} was expected.", key, value_text(value), expected));
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw_corrupt(where, fmt::format("{} bytes of JSON, at most {} were expected.", text.size(), limits.max_bytes));
  }
  // The parser takes a NUL for the end and would pass over what stands behind it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw_corrupt(where, fmt::format("not valid JSON (UTF-8) at byte {}: a NUL.", nul));
  }
  DocumentBuilder builder(text, where, limits);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
  const std::string text = read_file(path, limits.max_bytes);
  refuse_git_lfs_pointer(text, path.string());
  return parse_json(text, path.string(), limits);
}

int64_t json_integer(const Json& object, std::string_view key, std::string_view where, int64_t low, int64_t high,
                     std::optional<int64_t> fallback) {
  const Json* field = find_field(object, key, where, fallback.has_value());
  if (field == nullptr) {
    return *fallback;
  }
  const bool beyond = field->is_number_unsigned() &&
                      field->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!field->is_number_integer() || beyond || field->get<int64_t>() < low || field->get<int64_t>() > high) {
    throw_field(where, key, *field, fmt::format("an integer from {} to {}", low, high));
  }
  return field->get<int64_t>();
}

double json_number(const Json& object, std::string_view key, std::string_view where, double low, double high,
                   std::optional<double> fallback) {
  const Json* field = find_field(object, key, where, fallback.has_value());
  if (field == nullptr) {
    return *fallback;
  }
  const double value = field->is_number() ? field->get<double>() : std::nan("");
  if (!(value >= low && value <= high)) {
    throw_field(where, key, *field, fmt::format("a number from {} to {}", low, high));
  }
  return value;
}

std::string json_string(const Json& object, std::string_view key, std::string_view where,
                        std::optional<std::string> fallback) {
  const Json* field = find_field(object, key, where, fallback.has_value());
  if (field == nullptr) {
    return *std::move(fallback);
  }
  if (!field->is_string()) {
    throw_field(where, key, *field, "a string");
  }
  return field->get<std::string>();
}

bool json_bool(const Json& object, std::string_view key, std::string_view where, std::optional<bool> fallback) {
  const Json* field = find_field(object, key, where, fallback.has_value());
  if (field == nullptr) {
    return *fallback;
  }
  if (!field->is_boolean()) {
    throw_field(where, key, *field, "true or false");
  }
  return field->get<bool>();
}

}  // namespace paceline
