#include "cli/progress_bar.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(ProgressBar, ALineOfALogHasCountsAndTimeLeft) {
  ProgressState state{.title = "bench", .unit = "cells", .done = 25, .total = 100, .elapsed_seconds = 30, .note = {}};
  EXPECT_EQ(progress_line(state, 0), "bench: 25/100 cells, 1 min 30 s left");
  state.note = "best: native";
  EXPECT_EQ(progress_line(state, 0), "bench: 25/100 cells, 1 min 30 s left  best: native");
  state.done = 100;
  EXPECT_EQ(progress_line(state, 0), "bench: 100/100 cells, 30 s  best: native");
  state.total = 0;
  state.elapsed_seconds = 7300;
  EXPECT_EQ(progress_line(state, 0), "bench: 100 cells, 2 h 01 min  best: native");
}

TEST(ProgressBar, ATimeLeftNeedsASensibleShare) {
  ProgressState state{.title = "classify", .unit = "kB", .done = 1, .total = 1000, .elapsed_seconds = 9, .note = {}};
  EXPECT_EQ(progress_line(state, 0), "classify: 1/1000 kB, 9 s");
  state.done = 10;
  EXPECT_EQ(progress_line(state, 0), "classify: 10/1000 kB, 14 min 51 s left");
  state.done = 100;
  state.elapsed_seconds = 0.5;
  EXPECT_EQ(progress_line(state, 0), "classify: 100/1000 kB, 1 s");
}

TEST(ProgressBar, WhatCountsSecondsKnowsTheTimeLeft) {
  ProgressState state{.title = "bench", .unit = "s", .done = 0.001, .total = 300, .elapsed_seconds = 6, .note = {}};
  EXPECT_EQ(progress_line(state, 0), "bench: 0/300 s, 5 min 00 s left");
  state.done = 200;
  EXPECT_EQ(progress_line(state, 0), "bench: 200/300 s, 1 min 40 s left");
  state.done = 300;
  EXPECT_EQ(progress_line(state, 0), "bench: 300/300 s");
  state.done = 301;
  EXPECT_EQ(progress_line(state, 0), "bench: 301 s");
  EXPECT_EQ(progress_line(state, 60), "bench: 301 s");
}

TEST(ProgressBar, ABarFitsItsTerminal) {
  const ProgressState state{
      .title = "classify", .unit = "texts", .done = 5, .total = 10, .elapsed_seconds = 2, .note = std::string(99, 'n')};
  EXPECT_EQ(progress_line(state, 60).size(), 59u);
  EXPECT_NE(progress_line(state, 60).find("[##########..........] 5/10 texts, 2 s left"), std::string::npos);
}

TEST(ProgressBar, AShortRunOutsideATerminalLogsItsEnd) {
  testing::internal::CaptureStderr();
  const auto progress = make_stderr_progress("hash", "bytes");
  progress->update(1, 2, "");
  progress->update(2, 2, "");
  progress->finish();
  progress->finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "hash: 2/2 bytes, 1 s\n");
}

}  // namespace
}  // namespace paceline
