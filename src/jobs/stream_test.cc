#include "jobs/stream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "paceline/error.h"
#include "rows/row_readers.h"

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";
constexpr int32_t kChunk = 10;

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
        RowWriter::make({.format = reader->format(), .columns = {}, .labels = classifier_.checkpoint().labels()});
    options_.chunk = kChunk;
    return classify_stream(*reader, *writer, classifier_, options_, sink_, *make_silent_progress());
  }

  TextClassifier classifier_{kModel, {.backend = {.name = "native", .threads = 2}}};
  StreamOptions options_;
  Memory sink_;
};

TEST_F(Stream, EveryRowHasItsOwnAnswerInItsPlace) {
  const ClassifySummary summary = run(3 * kChunk + 3);
  EXPECT_EQ(summary.rows, 33U);
  EXPECT_EQ(summary.errors, 0U);
  EXPECT_FALSE(summary.interrupted);
  EXPECT_EQ(sink_.rows, 33);
  const std::string all = std::exchange(sink_.content, "");
  options_.chunk = 1;
  const auto reader = open_rows(std::make_unique<Lines>(33, [] {}), "in.txt", {});
  const auto writer =
      RowWriter::make({.format = reader->format(), .columns = {}, .labels = classifier_.checkpoint().labels()});
  classify_stream(*reader, *writer, classifier_, options_, sink_, *make_silent_progress());
  EXPECT_EQ(sink_.content, all) << "chunks of one text each";
}

TEST_F(Stream, WhatWasReadBeforeAnErrorOfTheReaderIsWritten) {
  expect_error(
      ErrorCode::kNotFound,
      [&] { run(2 * kChunk, [] { throw Error(ErrorCode::kNotFound, "[in.txt] cannot be read."); }); },
      "cannot be read");
  EXPECT_EQ(sink_.rows, 2 * kChunk);
}

TEST_F(Stream, HoldsThreeChunksAtMost) {
  constexpr int kLines = 20 * kChunk;
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
      RowWriter::make({.format = reader->format(), .columns = {}, .labels = classifier_.checkpoint().labels()});
  options_.chunk = kChunk;
  classify_stream(*reader, *writer, classifier_, options_, sink_, *make_silent_progress());
  EXPECT_EQ(sink_.rows, kLines);
  EXPECT_LE(most, 3 * kChunk);
}

TEST_F(Stream, AFullSinkEndsTheReading) {
  sink_.room = 2 * kChunk;
  bool read_all = false;
  expect_error(
      ErrorCode::kResourceExhausted, [&] { run(1'000'000, [&] { read_all = true; }); }, "full");
  EXPECT_FALSE(read_all);
  EXPECT_EQ(sink_.rows, 2 * kChunk);
}

TEST_F(Stream, AStopWhileInputIsAwaitedEndsTheWork) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  const std::stop_token token = options_.input.get_token();
  const ClassifySummary summary = run(2 * kChunk, [&] {
    stop.request_stop();
    while (!token.stop_requested()) std::this_thread::yield();  // as a pipe that nobody writes to
  });
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.rows, static_cast<uint64_t>(sink_.rows));
}

/// The model with a token "[EXTRA]" whose id it has no row for.
void write_model_with_unknown_id(const std::filesystem::path& folder) {
  std::filesystem::copy(kModel, folder, std::filesystem::copy_options::recursive);
  Json tokenizer = read_json_file(folder / "tokenizer.json");
  tokenizer["added_tokens"].push_back({{"id", 340},
                                       {"content", "[EXTRA]"},
                                       {"single_word", false},
                                       {"lstrip", false},
                                       {"rstrip", false},
                                       {"normalized", false},
                                       {"special", false}});
  write_file_atomically(folder / "tokenizer.json", tokenizer.dump());
}

TEST(StreamRows, ATextThatCannotBeReadIsAnErrorInItsRow) {
  const TemporaryFolder folder;
  write_model_with_unknown_id(folder.path());
  const auto run = [&](const std::string& text, const std::optional<LongTextOptions>& long_texts) {
    TextClassifier classifier(folder.path(), {.backend = {.name = "native", .threads = 1}, .long_texts = long_texts});
    const std::filesystem::path input = folder.path() / "in.txt";
    write_file_atomically(input, text);
    const auto reader = RowReader::open(input, {});
    const auto writer = RowWriter::make({.format = reader->format(), .labels = classifier.checkpoint().labels()});
    Memory sink;
    StreamOptions options;
    options.chunk = 2;
    const ClassifySummary summary =
        classify_stream(*reader, *writer, classifier, options, sink, *make_silent_progress());
    EXPECT_EQ(summary.errors, static_cast<uint64_t>(std::count(text.begin(), text.end(), '[')));
    std::vector<std::string> rows;
    std::istringstream lines(sink.content);
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    return rows;
  };
  for (const auto& long_texts :
       {std::optional<LongTextOptions>(),
        std::optional<LongTextOptions>({.mode = LongTextOptions::Mode::kWindow, .stride = 4})}) {
    std::string words;
    for (int i = 0; i < 40; ++i) words += "la route ";
    const std::vector<std::string> good = run("vent\n" + words + "\nlast\n", long_texts);
    const std::vector<std::string> all =
        run("vent\n[EXTRA]\n" + words + "\nan [EXTRA] one\n[EXTRA]\nlast\n", long_texts);
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0], good[0]);
    EXPECT_EQ(all[2], good[1]);
    EXPECT_EQ(all[5], good[2]);
    for (const std::size_t row : {1, 3, 4}) {
      EXPECT_NE(all[row].find("[row " + std::to_string(row + 1) + ", "), std::string::npos) << all[row];
      EXPECT_NE(all[row].find("\"[EXTRA]\" with id 340, and the model knows ids below 340"), std::string::npos);
    }
  }
}

// As transformers, whose table of types ends there, too.
TEST(StreamRows, APairIsAnErrorInItsRowWhereTheModelKnowsOneTokenType) {
  const TemporaryFolder folder;
  Json config = tiny_config();
  config["model_type"] = "bert";
  config["architectures"] = {"BertForSequenceClassification"};
  config["vocab_size"] = 193;
  write_tiny_checkpoint(folder.path(), config);
  std::filesystem::copy_file(PACELINE_TESTDATA "/models/bert-fp32/tokenizer.json", folder / "tokenizer.json");
  write_file_atomically(folder / "in.jsonl", "{\"text\": \"le vent\", \"pair\": \"la route\"}\n");
  const auto run = [&](TokenTypes types, const std::string& pair_column) {
    TextClassifier classifier(
        folder.path(), {.backend = {.name = "native", .threads = 1}, .checkpoint_options = {.token_types = types}});
    const auto reader = RowReader::open(folder / "in.jsonl", {.pair_column = pair_column});
    const auto writer = RowWriter::make({.format = reader->format(), .labels = classifier.checkpoint().labels()});
    Memory sink;
    const StreamOptions options;
    classify_stream(*reader, *writer, classifier, options, sink, *make_silent_progress());
    return sink.content;
  };
  const std::string refused = run(TokenTypes::kAsSaved, "pair");
  EXPECT_NE(refused.find("tokens of type 1, and the model knows types below 1"), std::string::npos) << refused;
  for (const std::string& answer : {run(TokenTypes::kAsSaved, ""), run(TokenTypes::kNo, "pair")}) {
    EXPECT_NE(answer.find("\"score\""), std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace paceline
