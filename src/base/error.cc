#include "paceline/error.h"

#include "words/printable.h"

namespace paceline {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCorruptData:
      return "corrupt_data";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

// Names, labels and texts of others stand in messages: here none of them gets past.
Error::Error(ErrorCode code, std::string message) : code_(code), message_(printable(message)) {}

Error::~Error() = default;

}  // namespace paceline
