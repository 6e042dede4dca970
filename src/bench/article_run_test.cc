#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "bench/length_sweep.h"
#include "bench/testing/bench_run_fixture.h"
#include "paceline/error.h"
#include "results/describe.h"
#include "results/series.h"
#include "statistics/random.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class ArticleTest : public BenchRunTest {
 protected:
  void SetUp() override {
    BenchRunTest::SetUp();
    options_.method.protocol = Protocol::kArticle;
    options_.method.rounds_dir = out_.path() / "report";
    options_.choice.backends = {"native", "onnxruntime"};
    options_.choice.batch_sizes = {1, 8};
    Workload& workload = subject_.workload;
    workload.encodings.resize(60);
    workload.texts.resize(60);
    summarize(workload);
    subject_.length_texts = make_length_texts(workload, 32);
  }

  void resume() {
    options_.method.resume = true;
    results_ = {};
    results_.workload = subject_.workload.summary;
    run();
  }

  void expect_complete() const {
    ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
    EXPECT_FALSE(results_.unfinished);
    ASSERT_EQ(results_.cells.size(), 8U);
    for (const CellResult& one : results_.cells) {
      const Series series = series_of(one.timings, false);
      EXPECT_EQ(series.rounds.size(), 5U) << configuration_words(one.configuration);
      for (const Timing& timing : one.timings) {
        EXPECT_TRUE(timing.confirmation || timing.share == 1) << timing.share;
      }
    }
  }

  /// Every turn that was measured before is there, with the time that it took then.
  void expect_kept(const std::vector<CellResult>& before) const {
    ASSERT_EQ(results_.cells.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_GE(results_.cells[i].timings.size(), before[i].timings.size());
      for (std::size_t t = 0; t < before[i].timings.size(); ++t) {
        EXPECT_EQ(results_.cells[i].timings[t].seconds, before[i].timings[t].seconds);
      }
    }
  }

  TemporaryFolder out_;
};

TEST_F(ArticleTest, MeasuresEverythingFiveTimesAndDropsNothing) {
  run();
  expect_complete();
  EXPECT_EQ(results_.protocol, "article");
  EXPECT_EQ(results_.length_sweep.size(), 2U * 3U * 3U);
  // Each round of a cell holds all of the texts.
  for (const Timing& timing : cell("onnxruntime", 8, Order::kInput).timings) {
    EXPECT_TRUE(timing.confirmation || timing.batches == 8) << timing.batches;
  }
  EXPECT_TRUE(std::filesystem::exists(options_.method.rounds_dir / "rounds.jsonl"));
  EXPECT_THROW(run(), Error) << "an unfinished run is not overwritten";
  remove_saved_rounds(options_.method.rounds_dir);
  run();
}

TEST_F(ArticleTest, AStoppedRunGoesOnWhereItWas) {
  run();
  const double all = spent();
  remove_saved_rounds(options_.method.rounds_dir);
  world_.now = started_at_ = 100;
  world_.interrupt_at = world_.now + 0.5 * all;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_TRUE(results_.unfinished);
  const std::vector<CellResult> before = results_.cells;
  forget_stop();
  resume();
  expect_complete();
  expect_kept(before);
  EXPECT_EQ(results_.continued, 1);
}

TEST_F(ArticleTest, AnotherRunIsNotGoneOnWith) {
  world_.interrupt_at = world_.now + 20;
  run();
  forget_stop();
  options_.method.resume = true;
  options_.texts.seed = 9;
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("seed was 0, now it is 9"));
  }
}

/// Of the first line that has `part`, counted from 1.
std::ptrdiff_t line_of(const std::string& text, const std::string& part) {
  return 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(part)), '\n');
}

/// With one value of the first line that has it replaced.
TEST_F(ArticleTest, ALineThatSomebodyChangedIsRefused) {
  run();
  remove_saved_rounds(options_.method.rounds_dir);
  world_.interrupt_at = world_.now + 0.5 * spent();
  run();
  const std::filesystem::path file = options_.method.rounds_dir / "rounds.jsonl";
  const std::string saved = read_file(file, 1 << 20);
  options_.method.resume = true;
  for (const auto& [was, is] :
       std::vector<std::pair<std::string, std::string>>{{"\"batches\":60", "\"batches\":59"},
                                                        {"\"text_seconds\":[", "\"text_seconds\":[0.5,"},
                                                        {"\"share\":1.0", "\"share\":0.5"},
                                                        {"\"batches\":8", "\"batches\":7"}}) {
    std::string changed = saved;
    ASSERT_NE(saved.find(was), std::string::npos) << saved;
    changed.replace(saved.find(was), was.size(), is);
    write_file_atomically(file, changed);
    forget_stop();
    expect_error(
        ErrorCode::kCorruptData, [&] { run(); }, fmt::format("rounds.jsonl:{}] round", line_of(saved, was)));
    EXPECT_EQ(read_file(file, 1 << 20), changed);
  }
  write_file_atomically(file, saved);
  resume();
  expect_complete();
}

/// Of these batches the share can be but a little more or less, whatever the machine.
TEST_F(ArticleTest, AShareThatDoesNotFitTheBatchesOfAConfirmationIsRefused) {
  run();
  const std::filesystem::path file = options_.method.rounds_dir / "rounds.jsonl";
  std::string saved = read_file(file, 1 << 20);
  const std::size_t line = saved.rfind('\n', saved.find("\"confirmation\":true"));
  const std::size_t share = saved.find("\"share\":0.", line) + std::string_view("\"share\":0.").size();
  ASSERT_LT(share, saved.find('\n', line + 1));
  saved.insert(share, "0");
  write_file_atomically(file, saved);
  options_.method.resume = true;
  expect_error(
      ErrorCode::kCorruptData, [&] { run(); }, "were expected. Delete the line: --resume measures what is missing.");
}

TEST_F(ArticleTest, ALineThatIsNoneOfOursIsFoundBeforeAnythingIsLoaded) {
  run();
  const std::filesystem::path file = options_.method.rounds_dir / "rounds.jsonl";
  write_file_atomically(file, read_file(file, 1 << 20) + "{}\n");
  options_.method.resume = true;
  world_.starts = 0;
  expect_error(
      ErrorCode::kCorruptData, [&] { run(); }, "Delete the line");
  EXPECT_EQ(world_.starts, 0);
}

TEST_F(ArticleTest, WorkersKilledAtRandomMomentsLoseNoFinishedRound) {
  for (int run_number = 0; run_number < 20; ++run_number) {
    Random random(static_cast<uint64_t>(run_number));
    fill_usual(world_);
    for (auto& [name, one] : world_.backends) {
      if (name != "reference fp32") one.calls_until_death = 4 + static_cast<int>(random.below(40));
    }
    remove_saved_rounds(options_.method.rounds_dir);
    options_.method.resume = false;
    results_ = {};
    results_.workload = subject_.workload.summary;
    run();
    for (int again = 0; results_.unfinished && again < 20; ++again) {
      const std::vector<CellResult> before = results_.cells;
      resume();
      expect_kept(before);
    }
    expect_complete();
  }
}

}  // namespace
}  // namespace paceline
