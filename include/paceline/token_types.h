#pragma once

namespace paceline {

/// Whether the token types of a text reach the model: numbers that tell a pair's first text from its second. Models
/// without them add what their code adds, which need not be the same as for type 0.
enum class TokenTypes {
  kAsSaved,  ///< where the folder's tokenizer hands them out in the version of transformers that saved it
  kYes,
  kNo,
};

}  // namespace paceline
