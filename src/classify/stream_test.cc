#include "classify/stream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "base/expect_error.h"
#include "paceline/error.h"
#include "text/row_readers.h"

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";
constexpr int32_t kWindow = 10;

/// So many lines, and then what a test wants to happen.
class Lines : public ByteSource {
 public:
  /// `read`, where there is one, counts the lines.
  Lines(int count, std::function<void()> then, std::atomic<int>* read = nullptr)
      : count_(count), then_(std::move(then)), read_(read) {}
  std::size_t read(std::span<char> buffer) override {
    if (next_ == count_) {
      then_();
      return 0;
    }
    const std::string line = fmt::format("text number {}\n", next_++);
    if (read_ != nullptr) *read_ = next_;
    return line.copy(buffer.data(), buffer.size());
  }
  uint64_t total() const override { return 0; }

 private:
  int count_;
  int next_ = 0;
  std::function<void()> then_;
  std::atomic<int>* read_;
};

/// Keeps what is written, and fails where a test wants it to.
class Memory : public TextSink {
 public:
  void write(std::string_view text) override {
    before_write();
    const auto lines = std::count(text.begin(), text.end(), '\n');
    if (rows + lines > room) throw Error(ErrorCode::kResourceExhausted, "[sink] full.");
    rows += lines;
    content += text;
  }
  std::ptrdiff_t rows = 0;
  std::ptrdiff_t room = 1'000'000;
  std::string content;
  std::function<void()> before_write = [] {};
};

class Stream : public testing::Test {
 protected:
  ClassifySummary run(
      int lines, const std::function<void()>& then = [] {}) {
    const auto reader = open_rows(std::make_unique<Lines>(lines, then), "in.txt", {});
    const auto writer =
        RowWriter::make({.format = reader->format(), .columns = {}, .labels = pipeline_.checkpoint().labels()});
    options_.window = kWindow;
    return classify_stream(*reader, *writer, pipeline_, options_, sink_, *make_silent_progress());
  }

  TextPipeline pipeline_{kModel, {.backend = {.name = "native", .threads = 2}}};
  StreamOptions options_;
  Memory sink_;
};

TEST_F(Stream, EveryRowHasItsOwnAnswerInItsPlace) {
  const ClassifySummary summary = run(3 * kWindow + 3);
  EXPECT_EQ(summary.rows, 33U);
  EXPECT_EQ(summary.errors, 0U);
  EXPECT_FALSE(summary.interrupted);
  EXPECT_EQ(sink_.rows, 33);
  const std::string all = std::exchange(sink_.content, "");
  options_.window = 1;
  const auto reader = open_rows(std::make_unique<Lines>(33, [] {}), "in.txt", {});
  const auto writer =
      RowWriter::make({.format = reader->format(), .columns = {}, .labels = pipeline_.checkpoint().labels()});
  classify_stream(*reader, *writer, pipeline_, options_, sink_, *make_silent_progress());
  EXPECT_EQ(sink_.content, all) << "windows of one text each";
}

TEST_F(Stream, WhatWasReadBeforeAnErrorOfTheReaderIsWritten) {
  expect_error(
      ErrorCode::kNotFound,
      [&] { run(2 * kWindow, [] { throw Error(ErrorCode::kNotFound, "[in.txt] cannot be read."); }); },
      "cannot be read");
  EXPECT_EQ(sink_.rows, 2 * kWindow);
}

TEST_F(Stream, HoldsThreeWindowsAtMost) {
  constexpr int kLines = 20 * kWindow;
  std::atomic<int> read{0};
  std::ptrdiff_t most = 0;
  sink_.before_write = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a reader without a bound gets far ahead
    most = std::max(most, read - sink_.rows);
  };
  const auto reader = open_rows(std::make_unique<Lines>(
                                    kLines, [] {}, &read),
                                "in.txt", {});
  const auto writer =
      RowWriter::make({.format = reader->format(), .columns = {}, .labels = pipeline_.checkpoint().labels()});
  options_.window = kWindow;
  classify_stream(*reader, *writer, pipeline_, options_, sink_, *make_silent_progress());
  EXPECT_EQ(sink_.rows, kLines);
  EXPECT_LE(most, 3 * kWindow);
}

TEST_F(Stream, AFullSinkEndsTheReading) {
  sink_.room = 2 * kWindow;
  bool read_all = false;
  expect_error(
      ErrorCode::kResourceExhausted, [&] { run(1'000'000, [&] { read_all = true; }); }, "full");
  EXPECT_FALSE(read_all);
  EXPECT_EQ(sink_.rows, 2 * kWindow);
}

TEST_F(Stream, AStopWhileInputIsAwaitedEndsTheWork) {
  std::atomic<bool> stop{false};
  options_.stop = &stop;
  const std::stop_token token = options_.input.get_token();
  const ClassifySummary summary = run(2 * kWindow, [&] {
    stop = true;
    while (!token.stop_requested()) std::this_thread::yield();  // as a pipe that nobody writes to
  });
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.rows, static_cast<uint64_t>(sink_.rows));
}

}  // namespace
}  // namespace paceline
