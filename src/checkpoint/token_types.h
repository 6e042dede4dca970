#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "network/network.h"
#include "paceline/token_types.h"

namespace paceline {

/// Whether a folder's tokenizer hands token types to its model.
struct HandedOutTypes {
  bool handed_out = false;
  std::string reason;  ///< "BertTokenizer of transformers 4", "model_input_names"
  /// It does not in the version that saved the folder, and did in transformers 4, where its model may be from.
  bool lost = false;
};

/// As transformers decides it: by tokenizer_config.json's model_input_names, else by the class that reads the tokenizer
/// in the version that saved it. `config` and `tokenizer_config` are the contents of the files, empty where there is
/// none. Throws Error{corrupt_data} for names that are no list; `where` opens the message.
HandedOutTypes find_handed_out_types(const Json& config, const Json& tokenizer_config, std::string_view where);

/// Whether token types reach a model, and why.
struct TokenTypeUse {
  bool read = false;        ///< the architecture tells types apart
  bool handed_out = false;  ///< and gets them
  int32_t known = 0;        ///< types that a text may have, from 0; 0: any, since none reaches the model
  std::string reason{};     ///< as HandedOutTypes has it, or the flag
  std::string notice{};     ///< where that may not be what the model was trained with
};

/// Decides and makes the network so. Throws Error{invalid_argument} for kYes where it reads none.
TokenTypeUse apply_token_types(TokenTypes asked, const HandedOutTypes& saved, Network& network);

}  // namespace paceline
