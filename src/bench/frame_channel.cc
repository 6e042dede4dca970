#include "bench/frame_channel.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "base/stop_descriptor.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// write() to a pipe, send() to a socket, where a peer that is gone must not raise SIGPIPE.
ssize_t write_some(int descriptor, const char* data, std::size_t size) {
  const ssize_t sent = ::send(descriptor, data, size, MSG_NOSIGNAL);
  return sent < 0 && errno == ENOTSOCK ? ::write(descriptor, data, size) : sent;
}

void write_all(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = write_some(descriptor, data, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      throw Error(ErrorCode::kUnavailable,
                  fmt::format("[worker] a message could not be sent: {}.", std::strerror(errno)));
    }
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

/// When to give up waiting.
struct Patience {
  double deadline;
  const StopDescriptor& stop;
};

/// kFrame: something can be read (or the peer has closed, which reading tells).
ReadStatus wait_for_bytes(int descriptor, const Patience& patience) {
  switch (wait_readable(descriptor, patience.stop, patience.deadline - monotonic_seconds())) {
    case Wait::kReadable:
      return ReadStatus::kFrame;
    case Wait::kStopped:
      return ReadStatus::kStopped;
    case Wait::kTimeout:
      break;
  }
  return ReadStatus::kTimeout;
}

ReadStatus read_all(int descriptor, char* data, std::size_t size, const Patience& patience) {
  while (size > 0) {
    const ReadStatus status = wait_for_bytes(descriptor, patience);
    if (status != ReadStatus::kFrame) return status;
    const ssize_t got = ::read(descriptor, data, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ReadStatus::kClosed;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return ReadStatus::kFrame;
}

}  // namespace

void write_frame(int descriptor, std::string_view payload) {
  if (payload.size() > kLargestFrame) {
    throw Error(ErrorCode::kInternal,
                fmt::format("[worker] a message of {} bytes, at most {} are allowed.", payload.size(), kLargestFrame));
  }
  std::array<char, 4> header{};
  for (std::size_t i = 0; i < header.size(); ++i) header[i] = static_cast<char>((payload.size() >> (8 * i)) & 0xFF);
  write_all(descriptor, header.data(), header.size());
  write_all(descriptor, payload.data(), payload.size());
}

ReadStatus read_frame(int descriptor, std::string& payload, const FrameWait& wait) {
  const StopDescriptor stop(wait.stop);
  const Patience patience{monotonic_seconds() + wait.seconds, stop};
  std::array<unsigned char, 4> header{};
  ReadStatus status = read_all(descriptor, reinterpret_cast<char*>(header.data()), header.size(), patience);
  if (status != ReadStatus::kFrame) return status;
  std::size_t size = 0;
  for (std::size_t i = 0; i < header.size(); ++i) size |= static_cast<std::size_t>(header[i]) << (8 * i);
  if (size > kLargestFrame) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[worker] announced a message of {} bytes, at most {} are allowed.", size, kLargestFrame));
  }
  // Grown as the bytes arrive: an announced length alone costs no memory.
  constexpr std::size_t kStep = std::size_t{1} << 20;
  payload.clear();
  while (payload.size() < size) {
    const std::size_t done = payload.size();
    payload.resize(std::min(size, done + kStep));
    status = read_all(descriptor, payload.data() + done, payload.size() - done, patience);
    if (status != ReadStatus::kFrame) return status;
  }
  return ReadStatus::kFrame;
}

}  // namespace paceline
