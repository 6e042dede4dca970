#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace paceline {

/// Another name that transformers takes for a key; where a file has both, this one counts.
struct KeyAlias {
  std::string_view alias;
  std::string_view key;
};

/// The keys that the configuration class of a model_type knows, by what is done with them.
struct ConfigKeys {
  std::string_view model_type{};
  std::span<const std::string_view> shared{};  ///< honoured, or refused by their value, by several classes alike
  std::span<const std::string_view> read{};    ///< the same of this class
  std::span<const std::string_view> without_effect{};  ///< on what a classifier answers
  std::span<const KeyAlias> aliases{};
};

/// Of every architecture that is known.
std::span<const ConfigKeys> known_config_keys();

/// Of any model: what its describing function reads, what others read, and what has no effect on the answers.
std::span<const std::string_view> keys_read_of_every_model();
std::span<const std::string_view> keys_read_elsewhere();
std::span<const std::string_view> keys_without_effect();

/// The config with its aliases' values under the keys that they stand for.
Json without_aliases(const Json& config, std::string_view model_type);

/// The keys of a config.json, not null, that are in none of these tables: a user's own, or of a class that is not known
/// here. Empty for a model_type that is not known.
std::vector<std::string> unknown_keys(const Json& config, std::string_view model_type);

}  // namespace paceline
