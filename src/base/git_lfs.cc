#include "base/git_lfs.h"

#include <fmt/format.h>

#include "paceline/error.h"

namespace paceline {

void refuse_git_lfs_pointer(std::string_view content, std::string_view where) {
  if (!content.starts_with(kGitLfsPointer)) return;
  throw Error(
      ErrorCode::kCorruptData,
      fmt::format("[{}] it is a pointer of Git LFS, expected the file itself. Fetch it with git lfs pull.", where));
}

}  // namespace paceline
