#include "cli/exit_code.h"

namespace paceline {

ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported:
    case ErrorCode::kCorruptData:
      return kExitBadData;
    case ErrorCode::kResourceExhausted:
      return kExitExhausted;
    case ErrorCode::kUnavailable:
      return kExitUnavailable;
    case ErrorCode::kDeadlineExceeded:
      return kExitDeadline;
    case ErrorCode::kInternal:
      break;
  }
  return kExitInternal;
}

}  // namespace paceline
