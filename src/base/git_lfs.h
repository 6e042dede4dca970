#pragma once

#include <string_view>

namespace paceline {

/// How a file begins that Git leaves in place of a large one.
inline constexpr std::string_view kGitLfsPointer = "version https://git-lfs";

/// Refuses what Git leaves in place of a large file. `where` opens the message. Throws Error{corrupt_data}.
void refuse_git_lfs_pointer(std::string_view content, std::string_view where);

}  // namespace paceline
