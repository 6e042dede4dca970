#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "paceline/error.h"

namespace paceline {

/// For tests: calls `action`, which must throw an Error of this code whose message contains every one of `parts`.
template <class Action, class... Parts>
void expect_error(ErrorCode code, Action&& action, const Parts&... parts) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error_code_name(error.code()), error_code_name(code)) << error.what();
    for (const std::string& part : std::initializer_list<std::string>{parts...}) {
      EXPECT_THAT(std::string(error.what()), testing::HasSubstr(part));
    }
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << "a message is one line";
    return;
  }
  ADD_FAILURE() << "no error was thrown, " << error_code_name(code) << " was expected";
}

}  // namespace paceline
