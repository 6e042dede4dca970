#pragma once

#include <filesystem>
#include <string>

#include "paceline/token_types.h"

namespace paceline {

/// What a checkpoint is read with besides its folder: its weights, where they are not as Hugging Face lays them out,
/// and whether its model gets token types.
struct CheckpointOptions {
  std::filesystem::path file{};  ///< a state_dict under any name, in place of the folder's; empty: the folder's
  std::string prefix{};          ///< taken off the tensors' names, with the dot after it; names without it do not count
  std::filesystem::path base{};  ///< the model that the folder's adapter belongs to; empty: the one that it names
  TokenTypes token_types = TokenTypes::kAsSaved;
};

}  // namespace paceline
