#pragma once

#include "paceline/error.h"

namespace paceline {

/// Thrown by AtomicFile where its name stands for a pipe, and whoever read it went away.
struct ReaderGone : Error {
  using Error::Error;
};

}  // namespace paceline
