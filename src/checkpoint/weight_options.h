#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// Where a checkpoint's weights are, where they are not as Hugging Face lays them out.
struct WeightOptions {
  std::filesystem::path file{};  ///< a state_dict under any name, in place of the folder's; empty: the folder's
  std::string prefix{};          ///< taken off the tensors' names, with the dot after it; names without it do not count
  std::filesystem::path base{};  ///< the model that the folder's adapter belongs to; empty: the one that it names
};

}  // namespace paceline
