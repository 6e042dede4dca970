#include "model_folder/saved_by.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "words/suggest.h"

namespace paceline {
namespace {

constexpr const char* kVersionKey = "transformers_version";

std::string text_at(const Json& object, std::string_view key) {
  if (!object.is_object()) return "";
  const auto field = object.find(key);
  return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

/// "5.0.0rc1" is of version 5; 0 for what is no version.
int reading_of(std::string_view version) {
  int major = 0;
  const std::from_chars_result read = std::from_chars(version.data(), version.data() + version.size(), major);
  return read.ec != std::errc() ? 0 : major >= 5 ? 5 : 4;
}

bool has(const Json& object, std::string_view key) {
  return object.is_object() && object.contains(key) && !object.at(std::string(key)).is_null();
}

/// Where config.json gives as its version what is none. `read_as`: the version whose reading is taken instead.
std::string notice_of(const Json& config, int read_as) {
  if (!has(config, kVersionKey)) return "";
  const Json& given = config.at(kVersionKey);
  const std::string version = text_at(config, kVersionKey);
  if ((given.is_string() && version.empty()) || reading_of(version) != 0) return "";
  return fmt::format(
      "{} of config.json is {}, a version such as \"5.1.0\" was expected; the file is read as by "
      "version {}",
      kVersionKey, excerpt(given.dump(-1, ' ', true, Json::error_handler_t::replace)), read_as);
}

constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kExtra = "extra_special_tokens";

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

/// What a tokenizer_config.json shows: a version, 0 for none, and by what of it.
struct Shown {
  int version = 0;
  std::string mark;
};

Shown shown_by_five(const Json& config) {
  for (const std::string_view key : kKeysOfFive) {
    if (has(config, key)) return {5, std::string(key)};
  }
  const std::string name = text_at(config, "tokenizer_class");
  if (std::find(kClassesOfFive.begin(), kClassesOfFive.end(), name) != kClassesOfFive.end()) return {5, name};
  const bool list = has(config, kExtra) && config.at(kExtra).is_array() && !config.at(kExtra).empty();
  return list ? Shown{5, fmt::format("list of {}", kExtra)} : Shown{};
}

Shown shown_by_four(const Json& config) {
  for (const std::string_view key : kKeysOfFour) {
    if (config.contains(key)) return {4, std::string(key)};
  }
  const std::string name = text_at(config, "tokenizer_class");
  return name.ends_with("Fast") ? Shown{4, excerpt(name)} : Shown{};
}

Shown shown_by(const Json& config) {
  if (!config.is_object()) return {};
  Shown five = shown_by_five(config);
  // 4 keeps keys that it does not know, and writes this one, which 5 leaves out but for tokenizers in Python.
  const bool in_rust = !has(config, "backend") || text_at(config, "backend") == "tokenizers";
  if (five.version != 0 && !(in_rust && has(config, "added_tokens_decoder"))) return five;
  return shown_by_four(config);
}

}  // namespace

SavedBy saved_by(const Json& config, const Json& tokenizer_config) {
  SavedBy saved;
  const char* file = "config.json";
  saved.version = text_at(config, kVersionKey);
  if (saved.version.empty()) {
    file = kTokenizerConfig;
    saved.version = text_at(tokenizer_config, kVersionKey);
  }
  const int written = reading_of(saved.version);
  // 4 keeps this key where it saves a file of 5 again, and then writes its own version.
  const bool unnamed_five = written == 0 && has(config, "rope_parameters");
  saved.model = written != 0 ? written : unnamed_five ? 5 : 4;
  const Shown shown = shown_by(tokenizer_config);
  saved.tokenizer = shown.version != 0 ? shown.version : written != 0 ? written : 4;
  saved.notice = notice_of(config, saved.model);
  const std::string version = fmt::format("{}'s {}", file, kVersionKey);
  if (shown.version != 0) {
    const bool differs = written != 0 && written != shown.version;
    saved.tokenizer_because =
        fmt::format("as {}'s {} shows{}", kTokenizerConfig, shown.mark,
                    differs ? fmt::format(", though {} is {}", version, excerpt(saved.version)) : "");
  } else if (written != 0) {
    saved.tokenizer_because = fmt::format("as {} {} shows", version, excerpt(saved.version));
  } else if (!saved.version.empty()) {
    saved.tokenizer_because = fmt::format("as {} {} is no version", version, excerpt(saved.version));
  } else {
    saved.tokenizer_because = "as nothing shows another version";
  }
  return saved;
}

}  // namespace paceline
