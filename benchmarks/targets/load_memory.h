#pragma once

#include <filesystem>

#include "kernels/kernels.h"

namespace paceline {

/// The most memory, mapped pages of the file included, that loading a checkpoint needs in a process of its own, over
/// the bytes of the weights that are kept. Throws Error{unavailable} where the process fails.
double peak_memory_share(const std::filesystem::path& model_dir, NumberType type);

}  // namespace paceline
