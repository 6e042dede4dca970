#include "base/system_failure.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <ios>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

TEST(SystemFailure, SaysWhatToDo) {
  const auto says = [](int number) { return system_failure("where", "opening", number); };
  EXPECT_STREQ(says(EACCES).what(), "[where] opening failed: Permission denied. Check the permissions.");
  EXPECT_EQ(says(EACCES).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(says(ENOENT).code(), ErrorCode::kNotFound);
  EXPECT_EQ(says(EIO).code(), ErrorCode::kCorruptData);
  for (const int number : {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN}) {
    EXPECT_EQ(says(number).code(), ErrorCode::kResourceExhausted) << says(number).what();
  }
}

TEST(SystemFailure, WhateverIsThrownLeavesAsAnError) {
  const auto as_error = [](const auto& thrown) { return [&] { throwing_errors_only([&] { throw thrown; }); }; };
  expect_error(ErrorCode::kNotFound, as_error(Error(ErrorCode::kNotFound, "[x] as it is.")), "[x] as it is.");
  expect_error(ErrorCode::kResourceExhausted, as_error(std::bad_alloc()), "[memory]");
  expect_error(ErrorCode::kResourceExhausted, as_error(std::length_error("vector")), "[memory]");
  const auto code = [](int number) { return std::error_code(number, std::generic_category()); };
  expect_error(ErrorCode::kResourceExhausted, as_error(std::system_error(code(EAGAIN))), "ulimit -u");
  expect_error(ErrorCode::kInvalidArgument, as_error(std::filesystem::filesystem_error("status", "/a/b", code(ELOOP))),
               "[/a/b]");
  expect_error(ErrorCode::kInternal, as_error(std::out_of_range("map::at")), "map::at", "bug in paceline");
  expect_error(ErrorCode::kInternal, as_error(42), "bug in paceline");
  expect_error(ErrorCode::kInternal, as_error(std::system_error(std::make_error_code(std::io_errc::stream))),
               "iostream");
  EXPECT_EQ(throwing_errors_only([] { return 7; }), 7);
}

TEST(SystemFailure, LibrariesTellOfExhaustionInWords) {
  for (const char* message : {"libgomp: Thread creation failed: Resource temporarily unavailable",
                              "libtorch_cpu.so: failed to map segment from shared object", "std::bad_alloc",
                              "Load model from x failed:system error number 24",
                              "pthread_create failed, error code: 11 error msg: Resource temporarily unavailable",
                              "cannot open shared object file: Too many open files",
                              "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."}) {
    EXPECT_TRUE(tells_of_exhaustion(message)) << message;
  }
  for (const char* message : {"", "libcudart.so.13: cannot open shared object file: No such file or directory",
                              "Protobuf parsing failed.", "system error number 2"}) {
    EXPECT_FALSE(tells_of_exhaustion(message)) << message;
  }
}

}  // namespace
}  // namespace paceline
