#include "base/system_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "paceline/error.h"

namespace paceline {

void throw_system(const std::filesystem::path& path, std::string_view action, int number) {
  ErrorCode code = ErrorCode::kCorruptData;
  std::string_view hint = "Check the disk.";
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      hint = "Check the path.";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kInvalidArgument;
      hint = "Check the permissions.";
      break;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      code = ErrorCode::kInvalidArgument;
      hint = "Name a file.";
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = ErrorCode::kResourceExhausted;
      hint = "The disk is full or the quota is used up: free some space.";
      break;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      code = ErrorCode::kResourceExhausted;
      hint = "Close other programs.";
      break;
    default:
      break;
  }
  throw Error(code, fmt::format("[{}] {} failed: {}. {}", path.string(), action,
                                std::generic_category().message(number), hint));
}

}  // namespace paceline
