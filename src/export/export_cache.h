#pragma once

#include <filesystem>
#include <vector>

#include "base/function_ref.h"

namespace paceline {

/// `file`, an export kept below a cache folder: made by `write` where it is missing or does not have the sizes that
/// were recorded when it was complete. Its name has to say everything that changes its content.
///
/// `write` returns the files it wrote, `file` and what belongs to it, all in the same folder. Safe when several
/// processes ask at once: one writes, the others wait. Throws Error{not_found} for a folder that cannot be written, and
/// what `write` throws.
std::filesystem::path cached_export(const std::filesystem::path& file,
                                    FunctionRef<std::vector<std::filesystem::path>()> write);

}  // namespace paceline
