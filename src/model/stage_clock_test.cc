#include "model/stage_clock.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <string_view>
#include <vector>

#include "model/encoder_model.h"
#include "model/testing/synthetic_model.h"

namespace paceline {
namespace {

double sum(const std::array<double, kStages>& seconds) { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }

TEST(StageClock, StagesHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kStages; ++i) names.insert(stage_name(static_cast<Stage>(i)));
  EXPECT_EQ(names.size(), kStages);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(StageClock, WhatIsInNoStageIsWaiting) {
  const std::vector<StageClock> clocks(3);
  const StageTimes times = add_up(clocks, 2.0);
  EXPECT_EQ(times.threads, 3);
  EXPECT_DOUBLE_EQ(times.thread_seconds[static_cast<std::size_t>(Stage::kWaiting)], 6.0);
  EXPECT_DOUBLE_EQ(sum(times.thread_seconds), 6.0);
}

class TimedRun : public testing::TestWithParam<Split> {
 protected:
  SyntheticModel synthetic_;
  PackedBatch batch_ = synthetic_.batch({3, 64, 1, 17, 30, 5, 64, 8});
};

INSTANTIATE_TEST_SUITE_P(Splits, TimedRun,
                         testing::Values(Split::kAuto, Split::kColumns, Split::kSequences, Split::kRows));

TEST_P(TimedRun, AddsUpToTheTimeOfAllThreads) {
  for (const int threads : {1, 2, 3}) {
    EncoderModel model(synthetic_.network(), synthetic_.source(),
                       {.threads = threads, .type = NumberType::kInt8, .split = GetParam()});
    std::vector<float> logits(8 * 3);
    const StageTimes times = model.run_timed(batch_, logits);
    EXPECT_EQ(times.threads, threads);
    EXPECT_LE(sum(times.thread_seconds), times.seconds * threads * 1.05);
    EXPECT_GE(sum(times.thread_seconds), times.seconds * threads * 0.95);
    for (std::size_t i = 0; i < kStages; ++i) {
      EXPECT_GT(times.thread_seconds[i], 0) << stage_name(static_cast<Stage>(i));
    }
  }
}

TEST_P(TimedRun, GivesTheSameLogits) {
  EncoderModel model(synthetic_.network(), synthetic_.source(), {.threads = 2, .split = GetParam()});
  std::vector<float> timed(8 * 3);
  std::vector<float> plain(8 * 3);
  model.run_timed(batch_, timed);
  model.run(batch_, plain);
  EXPECT_EQ(timed, plain);
}

TEST_P(TimedRun, RefusesABatchAsRunDoes) {
  EncoderModel model(synthetic_.network(), synthetic_.source(), {.threads = 2, .split = GetParam()});
  std::vector<float> logits(1);
  EXPECT_ANY_THROW(model.run_timed(batch_, logits));
}

}  // namespace
}  // namespace paceline
