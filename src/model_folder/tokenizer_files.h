#pragma once

#include <array>

namespace paceline {

/// The file of a model folder that holds a whole tokenizer.
inline constexpr const char* kTokenizerFile = "tokenizer.json";

/// What shapes a tokenizer, whatever it is made from.
inline constexpr std::array<const char*, 3> kTokenizerSettings{"tokenizer_config.json", "special_tokens_map.json",
                                                               "added_tokens.json"};

/// The files that a tokenizer is built from where there is no kTokenizerFile.
inline constexpr std::array<const char*, 6> kVocabularyFiles{"vocab.txt",    "vocab.json", "merges.txt",
                                                             "spiece.model", "spm.model",  "sentencepiece.bpe.model"};

}  // namespace paceline
