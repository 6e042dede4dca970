#include "backend/torch/engine_call.h"

#include <gtest/gtest.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/version.h>

#include <stdexcept>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

constexpr const char* kInterpreter =
    "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent call "
    "last):\n"
    "  File \"<string>\", line 3, in forward\n    x = torch.view(x, [2, 9])\n        ~~~~~~~~~~ <--- HERE\n"
    "RuntimeError: shape '[2, 9]' is invalid for input of size 3\n";

TEST(EngineMessage, IsTheLineThatSaysWhatWentWrong) {
  EXPECT_EQ(engine_message("index out of range in self"), "index out of range in self");
  EXPECT_EQ(engine_message("first line.\nException raised from x at y.cpp:3\n#1 frame"), "first line");
  EXPECT_EQ(engine_message(kInterpreter), "shape '[2, 9]' is invalid for input of size 3");
  EXPECT_EQ(engine_message(""), "it gave no reason");
  EXPECT_LT(engine_message(std::string(100'000, 'x')).size(), 400U);
}

TEST(EngineCall, TurnsWhatPyTorchThrowsIntoOneLine) {
  const EngineCall call{.code = ErrorCode::kUnsupported, .doing = "trying", .hint = "Help."};
  expect_error(
      ErrorCode::kUnsupported, [&] { call_engine(call, [] { TORCH_CHECK(false, "a tensor is wrong"); }); }, "[torch 2.",
      "trying failed: a tensor is wrong. Help.");
  expect_error(
      ErrorCode::kUnsupported, [&] { call_engine(call, [] { throw std::runtime_error(kInterpreter); }); },
      "trying failed: shape '[2, 9]' is invalid for input of size 3.");
  expect_error(
      ErrorCode::kNotFound, [&] { call_engine(call, [] { throw Error(ErrorCode::kNotFound, "[x] as it was"); }); },
      "[x] as it was");
  EXPECT_EQ(call_engine(call, [] { return 3; }), 3);
}

TEST(TorchVersion, OnlyTheOneThatThisWasCompiledForIsUsed) {
  constexpr uint64_t kOwn = (uint64_t{TORCH_VERSION_MAJOR} << 56) | (uint64_t{TORCH_VERSION_MINOR} << 48);
  EXPECT_NO_THROW(check_torch_version(aoti_torch_abi_version()));
  EXPECT_NO_THROW(check_torch_version(kOwn | (uint64_t{7} << 40) | 3));
  expect_error(
      ErrorCode::kUnavailable,
      [] { check_torch_version((uint64_t{1} << 56) | (uint64_t{13} << 48) | (uint64_t{1} << 40)); },
      "PyTorch 1.13.1 was loaded", "PACELINE_TORCH_ROOT");
  expect_error(ErrorCode::kUnavailable, [] { check_torch_version(kOwn + (uint64_t{1} << 48)); });
}

TEST(EngineCall, MemoryThatRanOutIsNoBug) {
  const EngineCall call{.doing = "trying", .hint = "Help."};
  expect_error(
      ErrorCode::kResourceExhausted, [&] { call_engine(call, [] { throw std::bad_alloc(); }); }, "smaller batches");
  expect_error(
      ErrorCode::kResourceExhausted,
      [&] { call_engine(call, [] { TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried"); }); },
      "smaller batches");
  expect_error(
      ErrorCode::kResourceExhausted,
      [&] { call_engine(call, [] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA ran out"); }); }, "smaller batches");
}

// As c10/core/impl/alloc_cpu.cpp words it.
TEST(EngineCall, WhatTheAllocatorSaysIsPutInWords) {
  const EngineCall call{.doing = "a step", .hint = "Help.", .memory_hint = "Lower --batch-size."};
  expect_error(
      ErrorCode::kResourceExhausted,
      [&] {
        call_engine(call, [] {
          TORCH_CHECK(false,
                      "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
                      "tried to allocate 25165824 bytes. Error code 12 (Cannot allocate memory)");
        });
      },
      "] a step failed: there is not enough memory for 25.2 MB more. Lower --batch-size.");
  expect_error(
      ErrorCode::kResourceExhausted, [&] { call_engine(call, [] { throw std::bad_alloc(); }); },
      "] a step failed: there is not enough memory. Lower --batch-size.");
}

TEST(EngineCall, KeepsWarningsToItself) {
  testing::internal::CaptureStderr();
  call_engine({.doing = "trying", .hint = ""}, [] { TORCH_WARN("look"); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace paceline
