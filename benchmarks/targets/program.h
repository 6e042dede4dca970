#pragma once

#include <fmt/format.h>

#include <cstdio>

#include "paceline/error.h"

namespace paceline {

/// Exit code where something required is missed, as of a gate that fails.
inline constexpr int kMissed = 5;

/// A program's main: what run() returns, or 1 and the sentence of an Error.
inline int run_program(int (*run)(int count, char** arguments), int count, char** arguments) try {
  return run(count, arguments);
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}

}  // namespace paceline
