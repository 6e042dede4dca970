#include "base/staging_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/system_failure.h"
#include "base/temporary_name.h"

namespace paceline {

namespace fs = std::filesystem;

StagingFolder::StagingFolder(const fs::path& parent) {
  remove_abandoned(parent);
  while (path_.empty()) {
    TemporaryPath folder(parent / temporary_name());
    if (::mkdir(folder.path().c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;  // of a process of the same id, in another container or killed long ago
      throw system_failure(parent.native(), "writing", errno);
    }
    descriptor_ = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor_ < 0) {  // without its lock it would look abandoned
      const int number = errno;
      ::rmdir(folder.path().c_str());
      throw system_failure(folder.path().native(), "opening the folder", number);
    }
    if (!hold_temporary(descriptor_, folder.path())) {
      ::close(std::exchange(descriptor_, -1));
      continue;
    }
    path_ = folder.path();
    temporary_.push_back(std::move(folder));
  }
}

StagingFolder::~StagingFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (descriptor_ >= 0) ::close(descriptor_);
}

fs::path StagingFolder::place(const std::string& name) {
  fs::path folder = path_;
  for (const fs::path& part : fs::path(name).parent_path()) {
    folder /= part;
    std::error_code error;
    if (fs::exists(folder, error)) continue;
    temporary_.emplace_back(folder);
    fs::create_directory(folder, error);
    if (error) throw system_failure(folder.native(), "writing", error.value());
  }
  return temporary_.emplace_back(path_ / name).path();
}

}  // namespace paceline
