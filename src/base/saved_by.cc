#include "base/saved_by.h"

#include <charconv>
#include <string_view>

namespace paceline {
namespace {

std::string text_at(const Json& object, std::string_view key) {
  if (!object.is_object()) return "";
  const auto field = object.find(key);
  return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

/// "5.0.0rc1" is of version 5; what is no version counts as 4.
int reading_of(std::string_view version) {
  int major = 0;
  const std::from_chars_result read = std::from_chars(version.data(), version.data() + version.size(), major);
  return read.ec == std::errc() && major >= 5 ? 5 : 4;
}

}  // namespace

SavedBy saved_by(const Json& config, const Json& tokenizer_config) {
  SavedBy saved;
  saved.version = text_at(config, "transformers_version");
  if (saved.version.empty()) saved.version = text_at(tokenizer_config, "transformers_version");
  saved.model = reading_of(saved.version);
  saved.tokenizer = text_at(tokenizer_config, "backend").empty() ? saved.model : 5;
  return saved;
}

}  // namespace paceline
