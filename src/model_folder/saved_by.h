#pragma once

#include <string>

#include "base/json.h"

namespace paceline {

/// Which version of the transformers library saved a model folder, and so whose reading of its files applies.
struct SavedBy {
  std::string version;              ///< transformers_version as it is written, "5.17.0"; empty where no file says
  int model = 4;                    ///< 4 or 5: whose reading of config.json; 4 where nothing says
  int tokenizer = 4;                ///< 4 or 5: whose reading of the tokenizer's files
  std::string tokenizer_because{};  ///< "as tokenizer_config.json's backend shows"
  std::string notice{};             ///< a clause where config.json names a version that cannot be read; else empty
};

/// `config` is the content of config.json, `tokenizer_config` that of tokenizer_config.json; null or empty where there
/// is no such file. config.json's version counts first; one without a version that has `rope_parameters` is of 5. A
/// tokenizer is of the version that its own file shows, beside whatever model it lies: by keys and classes that only
/// one version writes. Never throws for what the files say.
SavedBy saved_by(const Json& config, const Json& tokenizer_config);

}  // namespace paceline
