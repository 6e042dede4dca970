#pragma once

#include <span>
#include <string_view>
#include <thread>

namespace paceline {

/// The process that made an object with threads. A child that it forks has the object, but not its threads: whoever
/// waits for them waits for ever.
class ProcessOwner {
 public:
  ProcessOwner();
  bool is_forked_child() const;
  /// Throws Error{invalid_argument} in a forked child; `where` opens the message.
  void check(std::string_view where) const;

 private:
  unsigned forks_;  ///< that led from the program's start to its process
};

/// In a forked child: gives up threads that are the parent's. Neither join() nor detach() knows them there.
void forget_threads(std::span<std::thread> threads);

}  // namespace paceline
