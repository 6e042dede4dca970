#include "bench/recommendation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "bench/budget_planner.h"
#include "bench/testing/bench_run_fixture.h"
#include "results/lookup.h"
#include "results/statistics.h"
#include "statistics/random.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class RecommendationTest : public BenchRunTest {};

TEST_F(RecommendationTest, TwoRunsAgreeOrCallTheCandidatesEqual) {
  run();
  const Recommendation first = results_.recommendation;
  world_.random = Random(99);
  results_.notes.clear();
  options_.texts.seed = 7;
  run();
  const Recommendation second = results_.recommendation;
  ASSERT_TRUE(first.valid && second.valid);
  const bool close = first.outcome != Lead::kFaster && second.outcome != Lead::kFaster;
  EXPECT_TRUE(first.choice == second.choice || close) << first.reason << "\n" << second.reason;
}

TEST_F(RecommendationTest, EqualEnginesAreCalledEqualAndTheModestOneIsChosen) {
  options_.choice.backends = {"native", "onnxruntime"};
  world_.backends["native fp32"] = {.fixed_seconds = 1e-6, .seconds_per_token = 0.001, .peak_memory_bytes = 5};
  world_.backends["onnxruntime fp32"] = {.fixed_seconds = 1e-6, .seconds_per_token = 0.001, .peak_memory_bytes = 9};
  run();
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.outcome, Lead::kEqual);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("equally fast"));
  EXPECT_THAT(results_.recommendation.reason,
              testing::ContainsRegex("; the recommended one (has the smaller batch|needs less memory)"));
  for (CellResult& cell : results_.cells) cell.confirmed &= !(cell.configuration == *results_.baseline);
  EXPECT_THAT(recommend(results_).reason, HasSubstr("; exploratory)")) << "the baseline was measured once";
}

TEST_F(RecommendationTest, ARunThatCannotTellSaysSoAndTakesTheFasterMedian) {
  for (auto& [name, backend] : world_.backends) backend.noise = 0.6;
  options_.method.budget_seconds = 75;
  run();
  const Recommendation& recommendation = results_.recommendation;
  ASSERT_TRUE(recommendation.valid);
  EXPECT_EQ(recommendation.outcome, Lead::kUnresolved);
  EXPECT_THAT(recommendation.reason, HasSubstr("cannot be told apart in this run (ratio"));
  EXPECT_THAT(recommendation.reason, HasSubstr("). A larger --budget or a quieter machine may decide."));
  EXPECT_GE(recommendation.lead.median, 1 - kSameSpeedMargin);
}

/// With all of its ten rounds, whatever is left of the budget is of no use.
TEST_F(RecommendationTest, WhatMayDecideIsWhatTheConfirmationLacked) {
  for (auto& [name, backend] : world_.backends) backend.noise = 2;
  options_.choice.batch_sizes = {1};
  options_.method.budget_seconds = 3000;
  run();
  ASSERT_EQ(results_.recommendation.outcome, Lead::kUnresolved) << results_.recommendation.reason;
  EXPECT_EQ(find_cell(results_, results_.recommendation.choice)->rounds, kConfirmationRounds);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr(". More texts than this file has, or a quieter machine"));
  results_.workload.texts_available = 5000;
  EXPECT_THAT(recommend(results_).reason, HasSubstr(". A larger --texts or a quieter machine may decide."));
}

/// The recommendation's ratio of the baseline is the speed-up, however few rounds there are.
TEST_F(RecommendationTest, OneComparisonHasOneInterval) {
  for (auto& [name, backend] : world_.backends) backend.noise = 0.2;
  world_.backends["onnxruntime-unpadded fp32"].seconds_per_token = 0.002;
  options_.choice.batch_sizes = {1};
  options_.choice.orders = {Order::kInput};
  options_.method.budget_seconds = 20;
  run();
  const Recommendation& is = results_.recommendation;
  ASSERT_TRUE(is.valid);
  ASSERT_EQ(is.runner_up, results_.baseline) << is.reason;
  const Estimate& speedup = cell("native", 1, Order::kInput).speedup;
  EXPECT_EQ(is.lead.median, speedup.median);
  EXPECT_EQ(is.lead.low, speedup.low);
  EXPECT_EQ(is.lead.high, speedup.high);
  EXPECT_LT(speedup.low, speedup.high);
  EXPECT_LT(results_.cells.front().rounds, kConfirmationRounds) << "a bootstrap knows no typical spread";
}

TEST_F(RecommendationTest, LatencyIsJudgedAtBatchSizeOne) {
  options_.constraints.objective = Objective::kLatency;
  run();
  ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
  EXPECT_EQ(results_.recommendation.choice.batch_size, 1);
  EXPECT_EQ(results_.recommendation.objective, "latency");
  EXPECT_GT(cell("native", 1, Order::kInput).p99_ms, cell("native", 1, Order::kInput).p50_ms);
}

TEST_F(RecommendationTest, LimitsThatNobodyMeetsGiveNoRecommendation) {
  options_.constraints.max_memory_bytes = 10;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("meets the limits asked for (--max-memory)."));
}

TEST_F(RecommendationTest, MemoryLimitsChooseAmongThoseThatFit) {
  world_.backends["native fp32"].peak_memory_bytes = 5000;
  options_.constraints.max_memory_bytes = 2000;
  run();
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_NE(results_.recommendation.choice.backend, "native");
}

TEST_F(RecommendationTest, TheCostIsStatedWhereAPriceIs) {
  options_.constraints.price_per_hour = 3.6;
  run();
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("A million texts cost"));
}

TEST_F(RecommendationTest, RandomWeightsAreMentioned) {
  results_.checkpoint.random_weights = true;
  run();
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("labels mean nothing"));
}

TEST_F(RecommendationTest, EveryOtherBackendIsToldWhyItWasNotChosen) {
  world_.backends["onnxruntime-unpadded fp32"].logit_error = 0.01;
  run();
  const std::vector<Rejection>& rejections = results_.recommendation.rejections;
  ASSERT_EQ(rejections.size(), 2U);
  EXPECT_EQ(rejections[0].what, "onnxruntime fp32");
  EXPECT_THAT(rejections[0].why, HasSubstr("times as long"));
  EXPECT_EQ(rejections[1].what, "onnxruntime-unpadded fp32");
  EXPECT_THAT(rejections[1].why, HasSubstr("gives other answers"));
}

TEST_F(RecommendationTest, ALimitIsNamedAsTheReason) {
  world_.backends["native fp32"].peak_memory_bytes = 5'000'000'000;
  options_.constraints.max_memory_bytes = 2'000'000'000;
  run();
  ASSERT_EQ(results_.recommendation.rejections.size(), 2U);
  EXPECT_EQ(results_.recommendation.rejections[0].why, "needs 5,000 MB of memory, 2,000 MB were allowed");
}

}  // namespace
}  // namespace paceline
