#include "base/system_failure.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

namespace paceline {
namespace {

struct Advice {
  ErrorCode code;
  std::string_view hint;
};

Advice advice_for(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return {ErrorCode::kNotFound, "Check the path."};
    case EACCES:
    case EPERM:
    case EROFS:
      return {ErrorCode::kInvalidArgument, "Check the permissions."};
    case ELOOP:
      return {ErrorCode::kInvalidArgument, "Its links lead in a circle: name the file itself."};
    case ENAMETOOLONG:
      return {ErrorCode::kInvalidArgument, "Choose a shorter name."};
    case EISDIR:
    case EINVAL:
      return {ErrorCode::kInvalidArgument, "Name a file."};
    case EBADF:
      return {ErrorCode::kInvalidArgument, "It is closed: leave it open or name a file."};
    case ENOSPC:
    case EDQUOT:
      return {ErrorCode::kResourceExhausted, "The disk is full or the quota is used up: free some space."};
    case EFBIG:
      return {ErrorCode::kResourceExhausted,
              "Raise the limit on the size of files (ulimit -f), or write to a file system that takes larger ones."};
    case EMFILE:
    case ENFILE:
      return {ErrorCode::kResourceExhausted, "Raise the limit on open files (ulimit -n) or close other programs."};
    case EAGAIN:
      return {ErrorCode::kResourceExhausted, "Raise the limit on processes (ulimit -u) or use fewer --threads."};
    case ENOMEM:
      return {ErrorCode::kResourceExhausted, "Raise the limit on memory (ulimit -v) or close other programs."};
    default:
      return {ErrorCode::kCorruptData, "Check the disk."};
  }
}

[[noreturn]] void throw_without_memory() {
  // Made when the library is loaded: there is no memory for a message when it is needed.
  static const std::exception_ptr prepared = std::make_exception_ptr(
      Error(ErrorCode::kResourceExhausted,
            "[memory] there is not enough of it. Use smaller batches or shorter texts, or close other programs."));
  std::rethrow_exception(prepared);
}

/// So that the message above is made before anything can fail.
const bool kPrepared = [] {
  try {
    throw_without_memory();
  } catch (const Error&) {
    return true;
  }
}();

Error mistake(std::string_view what) {
  return {ErrorCode::kInternal, fmt::format("[internal] {}. This is a bug in paceline, please report it.", what)};
}

/// The codes of other categories, of streams say, are no errno.
Error failure_of(const std::system_error& error, std::string_view where) {
  const std::error_category& category = error.code().category();
  if (category != std::generic_category() && category != std::system_category()) return mistake(error.what());
  return system_failure(where, "a call of the system", error.code().value());
}

}  // namespace

Error system_failure(std::string_view where, std::string_view doing, int number) {
  const Advice advice = advice_for(number);
  return {advice.code,
          fmt::format("[{}] {} failed: {}. {}", where, doing, std::generic_category().message(number), advice.hint)};
}

void throw_caught_as_error() try { throw; } catch (const Error&) {
  throw;
} catch (const abi::__forced_unwind&) {  // pthread_cancel: it must go on
  throw;
} catch (const std::bad_alloc&) {
  throw_without_memory();
} catch (const std::length_error&) {
  throw_without_memory();
} catch (...) {
  // Naming what was caught takes memory, too, which may be why it was thrown.
  try {
    throw;
  } catch (const std::filesystem::filesystem_error& error) {
    throw failure_of(error, error.path1().string());
  } catch (const std::system_error& error) {
    throw failure_of(error, "system");
  } catch (const std::exception& error) {
    throw mistake(error.what());
  } catch (...) {
    throw mistake("something was thrown that is no exception");
  }
}

bool tells_of_exhaustion(std::string_view message) {
  constexpr std::array<std::string_view, 13> kSigns{"annot allocate memory",
                                                    "an't allocate memory",
                                                    "ot enough memory",
                                                    "ut of memory",
                                                    "bad_alloc",
                                                    "bad allocation",
                                                    "ailed to allocate",
                                                    "failed to map segment",
                                                    "Resource temporarily unavailable",
                                                    "Thread creation failed",
                                                    "pthread_create failed",
                                                    "oo many open files",
                                                    "system error number 24"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return message.find(sign) != std::string_view::npos; });
}

}  // namespace paceline
