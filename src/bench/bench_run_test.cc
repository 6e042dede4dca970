#include "bench/bench_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "bench/budget_planner.h"
#include "bench/length_sweep.h"
#include "bench/testing/bench_run_fixture.h"
#include "results/describe.h"
#include "results/series.h"
#include "statistics/random.h"

namespace paceline {
namespace {

using testing::HasSubstr;

TEST_F(BenchRunTest, TimesAreOfATextWhereTextsAreReadInWindows) {
  WorkloadSummary& summary = subject_.workload.summary;
  summary.texts = 500;  // of two windows each
  summary.long_texts = {.mode = LongTextOptions::Mode::kWindow, .stride = 3};
  subject_.workload.texts.resize(500);
  results_.workload = summary;
  run();
  const CellResult& one = cell("native", 64, Order::kLength);
  const double of_window = true_ms(world_.backends.at("native fp32"), subject_.workload.lengths, 64, Order::kLength);
  EXPECT_NEAR(one.ms_per_text.median, 2 * of_window, 0.1 * of_window);
  EXPECT_NEAR(one.texts_per_second, 1e3 / one.ms_per_text.median, 1e-6 * one.texts_per_second);
  EXPECT_NEAR(one.tokens_per_second, 2 * summary.mean_tokens * one.texts_per_second, 1e-6 * one.tokens_per_second);
  ASSERT_TRUE(results_.recommendation.valid);
  const std::optional<Plan> plan = make_plan(results_, {});
  ASSERT_TRUE(plan.has_value());
  ASSERT_TRUE(plan->run.long_texts.has_value());
  EXPECT_EQ(plan->run.long_texts->mode, LongTextOptions::Mode::kWindow);
  EXPECT_EQ(plan->run.long_texts->stride, 3);
}

TEST_F(BenchRunTest, MeasuresRecommendsAndKeepsTheBudget) {
  run();
  EXPECT_FALSE(results_.interrupted);
  ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
  EXPECT_EQ(results_.backends.size(), 3U);
  for (const BackendResult& one : results_.backends) {
    EXPECT_TRUE(one.gate.accepted) << one.backend << ": " << one.gate.verdict;
    EXPECT_EQ(one.error, "");
    EXPECT_GT(one.peak_memory_bytes, 0);
  }
  for (const CellResult& one : results_.cells) {
    EXPECT_GE(one.rounds, 2);
    EXPECT_FALSE(one.partial);
    EXPECT_GT(one.ms_per_text.median, 0);
    EXPECT_LE(one.ms_per_text.low, one.ms_per_text.median);
    EXPECT_GE(one.ms_per_text.high, one.ms_per_text.median);
  }
  // The scalar reference runs once per checkpoint, outside the budget.
  EXPECT_LE(spent(), options_.method.budget_seconds * 1.05 + 60);
  EXPECT_EQ(results_.end_to_end.ms_per_text, 5);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, EstimatesWhatTheWholeSampleWouldTake) {
  run();
  // Two rounds of 32 texts each: batches of 64 mixed texts differ in padding by a third, but their shares know it. Left
  // over: 2 % noise of a batch, and a model fitted to two probes with that noise.
  for (const CellResult& one : results_.cells) {
    const Configuration& at = one.configuration;
    const double truth =
        true_ms(world_.backends.at(at.backend + " fp32"), subject_.workload.lengths, at.batch_size, at.order);
    EXPECT_NEAR(one.ms_per_text.median, truth, 0.1 * truth) << configuration_words(at);
  }
}

TEST_F(BenchRunTest, ConfirmsTheThreeFastestTheBestOfEachBackendAndTheBaseline) {
  run();
  int confirmed = 0;
  std::set<std::string> backends;
  for (const CellResult& one : results_.cells) {
    if (!one.confirmed) continue;
    ++confirmed;
    backends.insert(one.configuration.backend);
    EXPECT_EQ(one.rounds, kConfirmationRounds);
  }
  EXPECT_GE(confirmed, 5);
  EXPECT_LE(confirmed, 6);
  EXPECT_EQ(backends.size(), 3U);
  ASSERT_TRUE(results_.baseline.has_value());
  EXPECT_EQ(results_.baseline->backend, "onnxruntime");
  EXPECT_EQ(results_.baseline->batch_size, 1);
  EXPECT_EQ(results_.baseline->order, Order::kInput);
  EXPECT_TRUE(cell("onnxruntime", 1, Order::kInput).confirmed);
  EXPECT_DOUBLE_EQ(cell("onnxruntime", 1, Order::kInput).speedup.median, 1);
  EXPECT_GT(cell("native", 64, Order::kLength).speedup.median, 1.1);
}

TEST_F(BenchRunTest, DropsWhatIsSurelySlower) {
  options_.method.budget_seconds = 900;
  run();
  const auto rounds = [](const CellResult& one) { return series_of(one.timings, false).rounds.size(); };
  // Padding triples the time of 64 mixed texts: clear after two or three of the rounds that this budget allows.
  EXPECT_LT(rounds(cell("onnxruntime", 64, Order::kInput)), rounds(cell("onnxruntime", 8, Order::kLength)));
}

TEST_F(BenchRunTest, AKilledWorkerIsAnErrorRowAndTheRestGoesOn) {
  world_.backends["onnxruntime fp32"].calls_until_death = 9;
  run();
  EXPECT_THAT(backend("onnxruntime").error, HasSubstr("killed by signal 9"));
  for (const CellResult& one : results_.cells) {
    EXPECT_EQ(one.error.empty(), one.configuration.backend != "onnxruntime");
  }
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
}

TEST_F(BenchRunTest, WithoutAnyWorkingBackendEachSaysWhy) {
  for (auto& [name, one] : world_.backends) one.calls_until_death = 0;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  for (const BackendResult& one : results_.backends) EXPECT_THAT(one.error, HasSubstr("killed by signal 9"));
  for (const CellResult& one : results_.cells) EXPECT_NE(one.error, "");
}

TEST_F(BenchRunTest, ASlowFirstLoadIsRepeated) {
  world_.backends["onnxruntime fp32"].load_seconds = 20;
  options_.method.dry_run = true;
  run();
  EXPECT_EQ(world_.starts, 5);  // three contenders, one of them twice, and the reference
}

TEST_F(BenchRunTest, InterruptedInTheMiddleKeepsWhatThereIs) {
  world_.interrupt_at = world_.now + 150;  // exploring
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("interrupted"));
  EXPECT_TRUE(
      std::any_of(results_.cells.begin(), results_.cells.end(), [](const CellResult& one) { return one.rounds > 0; }));
  EXPECT_EQ(results_.backends.size(), 3U);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, InterruptedWhileLoadingIsNoError) {
  world_.interrupt_at = world_.now + 0.7;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_TRUE(results_.cells.empty());
  EXPECT_FALSE(results_.recommendation.valid);
}

TEST_F(BenchRunTest, InterruptedDuringConfirmationMarksTheFinalistsPartial) {
  run();
  const double all = spent();
  world_.now = started_at_ = 100;
  world_.random = Random(1);
  world_.interrupt_at = world_.now + all - 60;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_TRUE(
      std::any_of(results_.cells.begin(), results_.cells.end(), [](const CellResult& one) { return one.partial; }));
}

TEST_F(BenchRunTest, InterruptedDuringTextToLabelsKeepsTheRecommendationAndItsLimits) {
  world_.backends["native fp32"].peak_memory_bytes = 5000;
  options_.constraints.max_memory_bytes = 2000;
  run();  // the reference's answer is known from now on
  const auto begin_again = [&] {
    world_.now = started_at_ = 100;
    world_.random = Random(1);
  };
  begin_again();
  run();
  const Configuration choice = results_.recommendation.choice;
  const double all = spent();
  begin_again();
  world_.interrupt_at = world_.now + all - 1;
  results_.end_to_end.ms_per_text = 0;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_EQ(results_.end_to_end.ms_per_text, 0);
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice, choice);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, ASmallSampleIsConfirmedOnItsOwnBatchesAndSaysSo) {
  Workload& workload = subject_.workload;
  workload.encodings.resize(40);
  workload.texts.resize(40);
  summarize(workload);
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(notes(), HasSubstr("too few batches"));
}

TEST_F(BenchRunTest, LengthsAreSweptWithinTheirShareOfTheBudget) {
  subject_.length_texts = make_length_texts(subject_.workload, 128);
  run();
  ASSERT_FALSE(results_.length_sweep.empty());
  std::set<std::string> backends;
  for (const LengthResult& point : results_.length_sweep) {
    backends.insert(point.configuration.backend);
    const SimulatedBackend& truth = world_.backends.at(point.configuration.backend + " fp32");
    const double seconds =
        truth.fixed_seconds / point.configuration.batch_size + truth.seconds_per_token * point.tokens;
    EXPECT_NEAR(point.ms_per_text.median, 1e3 * seconds, 0.1 * 1e3 * seconds);
    EXPECT_EQ(point.rounds, kSweepRounds);
  }
  EXPECT_EQ(backends.size(), 3U);
  EXPECT_LE(spent(), options_.method.budget_seconds * 1.05 + 60);
}

}  // namespace
}  // namespace paceline
