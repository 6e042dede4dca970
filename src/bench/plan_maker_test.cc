#include "bench/plan_maker.h"

#include <gtest/gtest.h>

#include <optional>

#include "bench/bench.h"

namespace paceline {
namespace {

/// A run that recommends the second of two backends.
BenchResults recommended() {
  BenchResults results;
  for (const char* name : {"onnxruntime", "native"}) {
    BackendResult& backend = results.backends.emplace_back();
    backend.backend = backend.engine = name;
    backend.compute_type = "fp32";
  }
  Configuration& choice = results.recommendation.choice;
  choice.backend = "native";
  choice.compute_type = "fp32";
  choice.batch_size = 16;
  choice.order = Order::kLength;
  results.recommendation.valid = true;
  results.recommendation.reason = "It is the fastest.";
  CellResult cell;
  cell.configuration = choice;
  cell.ms_per_text = {.median = 2, .low = 1, .high = 4};
  cell.texts_per_second = 500;
  results.cells = {cell};
  return results;
}

TEST(PlanMaker, APlanIsMadeOfTheRecommendation) {
  const std::optional<Plan> plan = make_plan(recommended(), {.threshold = 0.5F});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->run.backend.name, "native");
  EXPECT_EQ(plan->run.limits.batch_size, 16);
  EXPECT_EQ(plan->run.limits.order, Order::kLength);
  EXPECT_EQ(plan->texts_per_second, 500);
  EXPECT_EQ(plan->texts_per_second_low, 250);
  EXPECT_EQ(plan->texts_per_second_high, 1000);
  EXPECT_EQ(plan->reason, "It is the fastest.");
  EXPECT_EQ(plan->label_options.threshold, 0.5F);
}

TEST(PlanMaker, TextToLabelsIsRunAsThePlanSays) {
  const RunOptions measured = chosen_run(recommended(), "cache");
  const RunOptions planned = make_plan(recommended(), {})->run;
  EXPECT_EQ(measured.backend.name, planned.backend.name);
  EXPECT_EQ(measured.backend.cache_dir, "cache");
  EXPECT_EQ(measured.limits.batch_size, planned.limits.batch_size);
  EXPECT_EQ(measured.limits.chunk, planned.limits.chunk);
  EXPECT_EQ(measured.instances, planned.instances);
}

TEST(PlanMaker, WithoutARecommendationThereIsNoPlan) {
  BenchResults results = recommended();
  results.recommendation.valid = false;
  EXPECT_FALSE(make_plan(results, {}).has_value());
}

}  // namespace
}  // namespace paceline
