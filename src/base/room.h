#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paceline {

/// What somebody is about to take from the system and could not be told that it is not there: engines abort or hang
/// where a thread cannot be started.
struct Room {
  int threads = 0;
  int64_t address_bytes = 0;  ///< looked at only where the address space is limited
  int open_files = 0;
};

/// Takes all of it for a moment. Throws Error{resource_exhausted} where that is refused; `where` opens the message.
void check_room(std::string_view where, const Room& room);

/// The limits on memory that this process has ("ulimit -v 400000"); empty where there are none.
std::string memory_limits();

}  // namespace paceline
