#include "report/png.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

namespace paceline {
namespace {

/// The child reads nothing and says nothing: what it would say is not ours.
class SilentStreams {
 public:
  SilentStreams() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  SilentStreams(const SilentStreams&) = delete;
  SilentStreams& operator=(const SilentStreams&) = delete;
  ~SilentStreams() { posix_spawn_file_actions_destroy(&actions_); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// Whether the child ended well in time; one that takes too long is killed.
bool wait_for(pid_t child) {
  constexpr auto kPause = std::chrono::milliseconds(5);
  constexpr int kPauses = 12'000;  // a minute
  int status = 0;
  for (int i = 0; i < kPauses; ++i) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0 && errno != EINTR) return false;
    std::this_thread::sleep_for(kPause);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return false;
}

}  // namespace

bool convert_to_png(const std::filesystem::path& svg, const std::filesystem::path& png) {
  // Paths are absolute, so that none of them can be taken for an option.
  std::array<std::string, 6> words = {
      "rsvg-convert", "--zoom=2", "--format=png", "--output=" + absolute(png).string(), "--", absolute(svg).string()};
  std::array<char*, words.size() + 1> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  const SilentStreams streams;
  pid_t child = 0;
  if (::posix_spawnp(&child, "rsvg-convert", streams.get(), nullptr, arguments.data(), environ) != 0) return false;
  return wait_for(child);
}

}  // namespace paceline
