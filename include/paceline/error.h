#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "paceline/export.h"

namespace paceline {

/// What went wrong, coarse enough to be mapped to an exit code, an HTTP status or a Python exception.
enum class ErrorCode {
  kInvalidArgument,    ///< the caller asked for something that makes no sense
  kNotFound,           ///< a file, tensor, column or key is missing
  kUnsupported,        ///< well formed, but not something Paceline can honour
  kCorruptData,        ///< a file contradicts itself or its format
  kResourceExhausted,  ///< disk or memory is full
  kUnavailable,        ///< an engine or a device is not there
  kDeadlineExceeded,   ///< it took longer than allowed
  kInternal,           ///< our own mistake
};

/// "invalid_argument", "not_found", ...
PACELINE_EXPORT std::string_view error_code_name(ErrorCode code);

/// The one exception that Paceline throws, for whatever ends an operation.
///
/// The message is one sentence a user can act on: `[where] what was given, what was expected. Hint.`
class PACELINE_EXPORT Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message);
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace paceline
