#pragma once

namespace paceline {

/// Whether the model gets token types: numbers that tell the first text of a pair from the second. A model that gets
/// none does as its own code does, which can differ from type 0 for every token.
enum class TokenTypes {
  kAsSaved,  ///< as the folder's tokenizer does in the version of transformers that saved it
  kYes,
  kNo,
};

}  // namespace paceline
