#include "bench/run_plan.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "bench/budget_planner.h"
#include "bench/testing/bench_run_fixture.h"
#include "results/describe.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class RunPlanTest : public BenchRunTest {};

TEST_F(RunPlanTest, ATightBudgetDropsBatchSizesAndSaysSo) {
  options_.method.budget_seconds = 120;
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(notes(), HasSubstr("Batch sizes 2"));
  EXPECT_LE(spent(), 1.25 * results_.predicted_seconds);
}

TEST_F(RunPlanTest, AMinuteIsEnoughForTwoBatchSizes) {
  options_.method.budget_seconds = 60;
  options_.choice.batch_sizes = {1, 8};
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  // The scalar reference, once per checkpoint, takes 27 s of this world's time outside the budget.
  EXPECT_LE(spent(), 1.1 * 60 + 27);
}

/// A run with a cache that knows the checkpoint, in a world of its own.
TEST_F(RunPlanTest, KeepsTheBudgetOrSaysBeforehandHowLongItTakes) {
  options_.method.dry_run = true;
  run();
  options_.method.dry_run = false;
  int beyond = 0;
  for (const double slowness : {0.05, 0.3, 1.0, 3.0}) {
    for (const std::vector<std::string>& backends : std::vector<std::vector<std::string>>{{"native"}, usual_}) {
      for (const double budget : {20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 200.0, 300.0}) {
        fill_usual(world_);
        for (auto& [name, backend] : world_.backends) {
          backend.fixed_seconds *= slowness;
          backend.seconds_per_token *= slowness;
        }
        options_.choice.backends = backends;
        options_.method.budget_seconds = budget;
        results_.notes.clear();
        started_at_ = world_.now;
        run();
        const bool said = notes().find("expect about") != std::string::npos;
        beyond += said ? 1 : 0;
        const std::string where = fmt::format("{} s, {} times as slow, {} backends: {} s were predicted\n{}", budget,
                                              slowness, results_.backends.size(), results_.predicted_seconds, notes());
        if (said) {
          EXPECT_NEAR(spent(), results_.predicted_seconds, 0.2 * results_.predicted_seconds) << where;
          EXPECT_EQ(sizes().size(), 1U) << where;
        } else {
          EXPECT_LE(spent(), 1.15 * budget) << where;
        }
        EXPECT_TRUE(results_.recommendation.valid) << where;
      }
    }
  }
  EXPECT_GT(beyond, 0);
  EXPECT_LT(beyond, 32);
}

TEST_F(RunPlanTest, ASmallBudgetComparesFewerTextsInTheGateAndSaysSo) {
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 256);
  options_.method.budget_seconds = 30;
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 64);
  EXPECT_THAT(notes(), HasSubstr("The gate compared 64 texts instead of 256"));
  options_.method.budget_seconds = 1;
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 32);
}

/// The gate does not compare fewer texts in bf16, so a small budget is known to be too small before it begins.
TEST_F(RunPlanTest, ABudgetThatTheGateExceedsIsToldBeforeTheGate) {
  world_.backends["native bf16"] = {.fixed_seconds = 0.004, .seconds_per_token = 0.0005};
  options_.choice.compute_types = {"fp32", "bf16"};
  run();  // the scalar reference's answer is known from now on
  std::string told;
  double told_at = 0;
  options_.listener.on_extra = [&](const std::string& words) {
    told = words;
    told_at = world_.now;
  };
  options_.method.budget_seconds = 600;
  run();
  EXPECT_EQ(told, "");
  options_.method.budget_seconds = 20;
  started_at_ = world_.now;
  run();
  EXPECT_THAT(told, HasSubstr("for 256 texts, and cannot compare fewer in compute types other than fp32. The whole"));
  EXPECT_THAT(told,
              HasSubstr("more than the --budget of 20 s. Give a larger one, or fewer --backends or --compute-types."));
  EXPECT_LT(told_at - started_at_, 10) << "while the backends were loaded";
  EXPECT_GT(spent(), 1.2 * options_.method.budget_seconds);
  EXPECT_THAT(notes(), HasSubstr("Give a larger --budget"));
}

TEST_F(RunPlanTest, ATightBudgetConfirmsWithFewerRoundsAndSaysSo) {
  options_.method.budget_seconds = 40;
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_THAT(plan, HasSubstr("The confirmation will have about"));
  EXPECT_THAT(notes(), HasSubstr("the confirmation has"));
  ASSERT_TRUE(results_.recommendation.valid);
  for (const CellResult& one : results_.cells) {
    if (!one.confirmed) continue;
    EXPECT_GE(one.rounds, kFewestConfirmationRounds);
    EXPECT_LT(one.rounds, kConfirmationRounds);
    EXPECT_FALSE(one.partial);
  }
}

TEST_F(RunPlanTest, WhatComesOncePerCheckpointIsAnnouncedAndStandsBesideTheBudget) {
  std::string extra;
  options_.listener.on_extra = [&](const std::string& words) { extra = words; };
  options_.method.budget_seconds = 600;
  world_.backends["onnxruntime fp32"].export_seconds = 100;
  options_.method.dry_run = true;
  run();
  EXPECT_THAT(extra, HasSubstr("The scalar reference"));
  EXPECT_THAT(notes(), HasSubstr("Loading onnxruntime fp32 took 1 min 40 s more"));
  EXPECT_THAT(notes(), testing::Not(HasSubstr("expect about")));
  EXPECT_GT(results_.predicted_seconds, options_.method.budget_seconds);
  extra.clear();
  results_.notes.clear();
  run();
  EXPECT_EQ(extra, "");
  EXPECT_THAT(notes(), testing::Not(HasSubstr("took")));
  EXPECT_LE(results_.predicted_seconds, options_.method.budget_seconds);
}

TEST_F(RunPlanTest, ADryRunPlansAndPredictsOnly) {
  options_.method.dry_run = true;
  options_.method.budget_seconds = 600;
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_EQ(results_.cells.size(), 42U);
  EXPECT_THAT(plan, HasSubstr("42 configurations"));
  EXPECT_GT(results_.predicted_seconds, 0);
  EXPECT_FALSE(results_.recommendation.valid);
  for (const CellResult& one : results_.cells) {
    EXPECT_EQ(one.rounds, 0);
    const Configuration& at = one.configuration;
    const double truth =
        true_ms(world_.backends.at(at.backend + " fp32"), subject_.workload.lengths, at.batch_size, at.order);
    EXPECT_NEAR(one.predicted_ms_per_text, truth, 0.25 * truth) << configuration_words(at);
  }
}

TEST_F(RunPlanTest, ThePredictionHasWhatTheCommandTookBefore) {
  options_.method.dry_run = true;
  BenchEnvironment environment = world_.environment();
  run_measurement(options_, subject_, environment, results_);
  const double without = results_.predicted_seconds;
  world_.now = 100;
  world_.random = Random(1);
  environment.began = world_.now - 30;
  options_.texts.seed = 0;
  subject_.checkpoint_hash = "another";
  run_measurement(options_, subject_, environment, results_);
  EXPECT_NEAR(results_.predicted_seconds, without + 30, 0.05 * without);
  EXPECT_THAT(notes(), testing::Not(HasSubstr("too small"))) << "it is no part of the budget";
}

TEST_F(RunPlanTest, TokenBudgetsAreMeasuredForPackedBackends) {
  options_.choice.backends = {"native"};
  options_.choice.batch_sizes = {8};
  options_.choice.max_batch_tokens = {1024};
  run();
  EXPECT_EQ(results_.cells.size(), 4U);
  EXPECT_TRUE(results_.recommendation.valid);
}

TEST_F(RunPlanTest, WhatTheSampleCannotFillIsNotMeasuredAndTheReportSaysSo) {
  Workload& workload = subject_.workload;
  workload.encodings.resize(20);
  workload.texts.resize(20);
  summarize(workload);
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_EQ(sizes(), (std::set<int32_t>{1, 2, 4, 8, 16}));
  constexpr const char* kNote = "Batch sizes 32, 64 are left out: the sample has 20 texts.";
  EXPECT_THAT(plan, HasSubstr(kNote));
  EXPECT_THAT(notes(), HasSubstr(kNote));
}

}  // namespace
}  // namespace paceline
