#pragma once

#include <string>
#include <string_view>

#include "paceline/error.h"

namespace paceline {

/// What the system refused, by its errno, as an Error that says what to do: "[where] opening failed: Permission denied.
/// Check the permissions."
Error system_failure(std::string_view where, std::string_view doing, int number);

/// Inside a catch block: throws on whatever was caught as an Error. An Error passes; memory that ends and sizes beyond
/// it are resource_exhausted, said without allocating anything; what the system refused is as system_failure has it;
/// everything else is internal, a mistake of ours.
[[noreturn]] void throw_caught_as_error();

/// Runs `action`; it throws Errors and nothing else.
template <class Action>
auto throwing_errors_only(Action&& action) {
  try {
    return action();
  } catch (...) {
    throw_caught_as_error();
  }
}

/// Whether a message of a library, which has no error codes, tells that memory, threads or open files ran out.
bool tells_of_exhaustion(std::string_view message);

}  // namespace paceline
