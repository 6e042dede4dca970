#include "bench/stage_profile.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/testing/expect_error.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr auto kUp = static_cast<std::size_t>(Stage::kUp);
constexpr auto kAttention = static_cast<std::size_t>(Stage::kAttention);
constexpr auto kWaiting = static_cast<std::size_t>(Stage::kWaiting);

std::vector<std::size_t> sizes(const std::vector<PlannedBatch>& batches) {
  std::vector<std::size_t> sizes;
  for (const PlannedBatch& batch : batches) sizes.push_back(batch.indices.size());
  return sizes;
}

TEST(ProfileBatches, AreWholeAndHoldAboutThirtyTwoTexts) {
  const std::vector<int32_t> lengths(100, 7);
  EXPECT_EQ(sizes(profile_batches(lengths, 1, Order::kInput)), std::vector<std::size_t>(32, 1));
  EXPECT_EQ(sizes(profile_batches(lengths, 16, Order::kInput)), std::vector<std::size_t>(2, 16));
  EXPECT_EQ(sizes(profile_batches(lengths, 64, Order::kInput)), std::vector<std::size_t>{64}) << "not the other 36";
  EXPECT_EQ(sizes(profile_batches(lengths, 256, Order::kInput)), std::vector<std::size_t>{100});
}

TEST(ProfileBatches, AreSpreadOverTheLengths) {
  std::vector<int32_t> lengths(128);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<int32_t>(i) + 1;
  const std::vector<PlannedBatch> batches = profile_batches(lengths, 16, Order::kLength);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].max_seqlen, 96) << "the longest come first";
  EXPECT_EQ(batches[1].max_seqlen, 32);
}

/// Two threads for a second: up on both half of the time, attention on one of them.
ProfileTurn turn(double up_seconds) {
  ProfileTurn turn{.times = {.seconds = 1, .threads = 2},
                   .roof = {.fp32_gflops = 100, .bf16_gflops = 0, .int8_gops = 400}};
  turn.times.thread_seconds[kUp] = 2 * up_seconds;
  turn.times.thread_seconds[kAttention] = 0.5;
  turn.times.thread_seconds[kWaiting] = 1.5 - 2 * up_seconds;
  return turn;
}

TEST(SummarizeProfile, TakesMediansOfTheRounds) {
  std::array<StageWork, kStages> works{};
  works[kUp] = {.int8_flops = 100e9, .counted_flops = 100e9, .bytes = 8e9};
  works[kAttention] = {.bf16_flops = 10e9, .counted_flops = 14e9};
  const std::vector<ProfileTurn> turns{turn(0.5), turn(0.25), turn(0.7)};
  const StageProfile profile = summarize_profile(turns, works, 4);
  EXPECT_EQ(profile.rounds, 3);
  ASSERT_EQ(profile.stages.size(), kStages);
  const StageFigures& up = profile.stages[kUp];
  EXPECT_EQ(up.stage, "feed-forward up");
  EXPECT_DOUBLE_EQ(up.ms, 125);
  EXPECT_DOUBLE_EQ(up.flops, 25e9);
  EXPECT_DOUBLE_EQ(up.bytes, 2e9);
  EXPECT_DOUBLE_EQ(up.roof_share, 0.25 / 0.5);
  EXPECT_DOUBLE_EQ(profile.stages[kAttention].roof_share, 0.1 / 0.25) << "without bf16 instructions at the fp32 roof";
  EXPECT_EQ(profile.stages[kWaiting].roof_share, 0);
  EXPECT_DOUBLE_EQ(profile.total.ms, 250);
  EXPECT_DOUBLE_EQ(profile.total.roof_share, 0.35) << "each operation at the roof of its type";
  EXPECT_DOUBLE_EQ(profile.counted_flops, 114e9 / 4);
}

TEST(SummarizeProfile, HasNoShareOfAnUnknownRoof) {
  std::array<StageWork, kStages> works{};
  works[kUp] = {.int8_flops = 1e9};
  ProfileTurn unknown = turn(0.5);
  unknown.roof.int8_gops = 0;
  EXPECT_EQ(summarize_profile({&unknown, 1}, works, 1).stages[kUp].roof_share, 0);
}

TEST(CheckProfileOptions, RefusesWhatIsNoProfileOfTheNativeEngine) {
  const std::vector<std::pair<std::string, std::function<void(BenchOptions&)>>> refused = {
      {"--backends onnxruntime",
       [](BenchOptions& options) {
         options.choice.backends = {"native", "onnxruntime"};
       }},
      {"--onnx",
       [](BenchOptions& options) {
         options.choice.files = {{"onnxruntime", "model.onnx"}};
       }},
      {"--torchscript",
       [](BenchOptions& options) {
         options.choice.files = {{"torchscript", "model.pt"}};
       }},
      {"--devices cuda:0",
       [](BenchOptions& options) {
         options.choice.devices = {"cpu", "cuda:0"};
       }},
      {"--max-batch-tokens", [](BenchOptions& options) { options.choice.max_batch_tokens = {4096}; }},
      {"--threads",
       [](BenchOptions& options) {
         options.choice.threads = {1, 2};
       }},
      {"--instances", [](BenchOptions& options) { options.choice.instances = {2}; }},
      {"--protocol", [](BenchOptions& options) { options.method.protocol = Protocol::kArticle; }},
      {"--resume", [](BenchOptions& options) { options.method.resume = true; }},
      {"--dry-run", [](BenchOptions& options) { options.method.dry_run = true; }},
  };
  for (const auto& [part, change] : refused) {
    BenchOptions options;
    EXPECT_NO_THROW(check_profile_options(options));
    change(options);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { check_profile_options(options); }, part);
  }
  BenchOptions native;
  native.choice.backends = {"native"};
  EXPECT_NO_THROW(check_profile_options(native));
}

}  // namespace
}  // namespace paceline
