#pragma once

#include <filesystem>

#include "base/function_ref.h"

namespace paceline {

/// `file`, an export kept below a cache folder: made by `write` where it is missing or its content is not what it was
/// when it was written, whatever has changed it. Its name has to say everything that changes its content. What was
/// found to be whole is not read again as long as its files keep their stamps (base/file_stamp.h).
///
/// `write` gets a file of the same name in a folder that is otherwise empty, and writes it there; what it writes beside
/// it belongs to the export. Safe when several processes ask at once: one writes, the others wait.
/// Throws Error{invalid_argument} for a folder that others may write (base/cache_folder.h), {not_found} for one that
/// cannot be written, and what `write` throws.
std::filesystem::path cached_export(const std::filesystem::path& file,
                                    FunctionRef<void(const std::filesystem::path& file)> write);

}  // namespace paceline
