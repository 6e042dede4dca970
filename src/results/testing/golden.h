#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"

namespace paceline {

/// Compares with testdata/report/NAME.golden. With PACELINE_UPDATE_GOLDEN=1 in the environment the file is written
/// instead, to be read with git diff before it is committed:
///   PACELINE_UPDATE_GOLDEN=1 build/release/report_test
inline void expect_golden(std::string_view name, const std::string& actual) {
  const std::filesystem::path file =
      std::filesystem::path(PACELINE_TESTDATA) / "report" / (std::string(name) + ".golden");
  if (getenv("PACELINE_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, actual);
  }
  constexpr std::size_t kLargest = 1 << 20;
  EXPECT_EQ(read_file(file, kLargest), actual) << "PACELINE_UPDATE_GOLDEN=1 rewrites " << file;
}

}  // namespace paceline
