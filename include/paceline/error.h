#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "paceline/export.h"

namespace paceline {

/// The kind of a failure. Each maps to an exit code, and can map to an HTTP status or a Python exception.
enum class ErrorCode {
  kInvalidArgument,    ///< what the caller asked for makes no sense
  kNotFound,           ///< a file, tensor, column or key is missing
  kUnsupported,        ///< valid, but Paceline cannot do it
  kCorruptData,        ///< a file contradicts itself or its format
  kResourceExhausted,  ///< no memory, thread, open file or disk space is left
  kUnavailable,        ///< an engine or a device is missing
  kDeadlineExceeded,   ///< it took longer than allowed
  kInternal,           ///< a bug in Paceline
};

/// "invalid_argument", "not_found", ...
PACELINE_EXPORT std::string_view error_code_name(ErrorCode code);

/// The only exception that Paceline throws.
///
/// A user can act on its message: `[where] what was given, what was expected. Hint.`
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
