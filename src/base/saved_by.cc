#include "base/saved_by.h"

#include <algorithm>
#include <array>
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

bool has(const Json& object, std::string_view key) {
  return object.is_object() && object.contains(key) && !object.at(std::string(key)).is_null();
}

/// Of two keys' lists: what 5 alone writes; what 4 alone writes, or 5 keeps beside one of its own.
constexpr std::array<std::string_view, 3> kKeysOfFive{"backend", "is_local", "local_files_only"};
constexpr std::array<std::string_view, 9> kKeysOfFour{"additional_special_tokens",
                                                      "clean_up_tokenization_spaces",
                                                      "do_basic_tokenize",
                                                      "name_or_path",
                                                      "never_split",
                                                      "sp_model_kwargs",
                                                      "special_tokens_map_file",
                                                      "tokenizer_file",
                                                      "added_tokens_decoder"};
constexpr std::array<std::string_view, 4> kClassesOfFive{"TokenizersBackend", "PythonBackend", "SentencePieceBackend",
                                                         "MistralCommonBackend"};

bool is_marked_by_five(const Json& config) {
  if (std::any_of(kKeysOfFive.begin(), kKeysOfFive.end(), [&](std::string_view key) { return has(config, key); })) {
    return true;
  }
  const std::string name = text_at(config, "tokenizer_class");
  if (std::find(kClassesOfFive.begin(), kClassesOfFive.end(), name) != kClassesOfFive.end()) return true;
  return has(config, "extra_special_tokens") && config.at("extra_special_tokens").is_array() &&
         !config.at("extra_special_tokens").empty();
}

/// What the tokenizer's own file shows; 0: nothing. rust/src/version.rs says the same of what it reads.
int shown_by(const Json& config) {
  if (!config.is_object()) return 0;
  if (is_marked_by_five(config)) {
    const bool in_rust = !has(config, "backend") || text_at(config, "backend") == "tokenizers";
    if (!in_rust || !has(config, "added_tokens_decoder")) return 5;
  }
  const bool of_four =
      std::any_of(kKeysOfFour.begin(), kKeysOfFour.end(), [&](std::string_view key) { return config.contains(key); });
  return of_four || text_at(config, "tokenizer_class").ends_with("Fast") ? 4 : 0;
}

}  // namespace

SavedBy saved_by(const Json& config, const Json& tokenizer_config) {
  SavedBy saved;
  saved.version = text_at(config, "transformers_version");
  if (saved.version.empty()) saved.version = text_at(tokenizer_config, "transformers_version");
  saved.model = reading_of(saved.version);
  const int shown = shown_by(tokenizer_config);
  saved.tokenizer = shown != 0 ? shown : saved.model;
  return saved;
}

}  // namespace paceline
