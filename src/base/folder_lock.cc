#include "base/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/system_failure.h"
#include "base/temporary_name.h"
#include "paceline/error.h"

namespace paceline {

namespace fs = std::filesystem;

FolderLock::FolderLock(const fs::path& folder, std::string_view refusal) {
  const fs::path path = folder / kFileName;
  while (descriptor_ < 0) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (file.number() < 0) throw system_failure(path.native(), "opening", errno);
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] {}", folder.string(), refusal));
    }
    // False where the process before removed the file between these calls: the next one is made anew.
    if (hold_temporary(file.number(), path)) descriptor_ = file.release();
  }
  file_ = TemporaryPath(path);
}

/// Removed while it is locked, so that nobody else can have locked this file since.
FolderLock::~FolderLock() {
  ::unlink(file_.path().c_str());
  ::close(descriptor_);
}

}  // namespace paceline
