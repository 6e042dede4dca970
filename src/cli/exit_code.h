#pragma once

#include "paceline/error.h"

namespace paceline {

/// How the program ends; docs and scripts rely on the numbers.
enum ExitCode : int {
  kExitDone = 0,
  kExitInternal = 1,
  kExitUsage = 2,
  kExitBadData = 3,      ///< bad, unsupported or missing checkpoint or data
  kExitUnavailable = 4,  ///< a needed backend or device is missing
  kExitGateFailed = 5,
  kExitStopped = 6,    ///< stopped, and --resume goes on
  kExitExhausted = 7,  ///< disk or memory
  kExitDeadline = 8,
  kExitInterrupted = 130,
};

/// The one table from what went wrong to how the program ends.
ExitCode exit_code(ErrorCode code);

}  // namespace paceline
