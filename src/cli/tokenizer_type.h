#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// What kind of tokenizer a tokenizer.json describes: "Unigram", "BPE", "WordPiece", "WordLevel", or "unknown" where
/// the file does not say. Reads no further than it must. Throws Error{not_found}.
std::string read_tokenizer_type(const std::filesystem::path& tokenizer_json);

}  // namespace paceline
