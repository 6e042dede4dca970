#include "base/temporary_path.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace paceline {
namespace {

/// Far more than any subcommand has at once; what finds no place is not removed by a signal.
constexpr std::size_t kMostPaths = 128;
constexpr std::size_t kMostCopies = 8;
/// How deep temporary folders may be nested.
constexpr int kDeepest = 4;

/// Who takes a name out of its place owns its memory: its TemporaryPath, or the handler, which never frees.
std::array<std::atomic<char*>, kMostPaths> paths{};
std::array<std::atomic<void (*)()>, kMostCopies> copies{};
static_assert(std::atomic<char*>::is_always_lock_free && std::atomic<void (*)()>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

/// Null where no place is left.
char* put(const char* path) {
  char* name = ::strdup(path);
  if (name == nullptr) return nullptr;
  for (std::atomic<char*>& place : paths) {
    char* expected = nullptr;
    if (place.compare_exchange_strong(expected, name)) return name;
  }
  std::free(name);
  return nullptr;
}

void take(char* name) {
  if (name == nullptr) return;
  for (std::atomic<char*>& place : paths) {
    char* expected = name;
    if (place.compare_exchange_strong(expected, nullptr)) {
      std::free(name);
      return;
    }
  }
}

}  // namespace

TemporaryPath::TemporaryPath(std::filesystem::path path) : path_(std::move(path)), registered_(put(path_.c_str())) {}

TemporaryPath::TemporaryPath(TemporaryPath&& other) noexcept
    : path_(std::exchange(other.path_, {})), registered_(std::exchange(other.registered_, nullptr)) {}

TemporaryPath& TemporaryPath::operator=(TemporaryPath&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(registered_, other.registered_);
  return *this;
}

void TemporaryPath::forget() {
  take(std::exchange(registered_, nullptr));
  path_.clear();
}

void remove_own_temporary_paths() noexcept {
  std::array<char*, kMostPaths> names{};
  for (std::size_t i = 0; i < kMostPaths; ++i) names[i] = paths[i].exchange(nullptr);
  for (int depth = 0; depth < kDeepest; ++depth) {
    for (auto name = names.rbegin(); name != names.rend(); ++name) {  // what stands in a folder was made after it
      if (*name != nullptr && (::unlink(*name) == 0 || ::rmdir(*name) == 0)) *name = nullptr;
    }
  }
}

void remove_temporary_paths() noexcept {
  for (const std::atomic<void (*)()>& copy : copies) {
    if (void (*const remove)() = copy.load()) remove();
  }
  remove_own_temporary_paths();  // last: the others' files stand in folders of this copy, which have to be empty
}

void also_remove(void (*remove_own)()) {
  for (std::atomic<void (*)()>& copy : copies) {
    void (*expected)() = nullptr;
    if (copy.compare_exchange_strong(expected, remove_own) || expected == remove_own) return;
  }
}

}  // namespace paceline
