#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "report/report.h"
#include "results/profile_json.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

BenchResults profiled() {
  BenchResults results;
  results.roof = {.fp32_gflops = 200, .bf16_gflops = 400, .memory_bandwidth_gbps = 30};
  StageProfile profile;
  profile.configuration = {.backend = "native", .compute_type = "bf16", .batch_size = 8, .threads = 2};
  profile.rounds = 5;
  profile.batches = 4;
  profile.texts = 32;
  profile.tokens = 800;
  profile.stages = {{.stage = "feed-forward up", .ms = 15, .flops = 4.5e9, .bytes = 3e8, .roof_share = 0.75},
                    {.stage = "waiting", .ms = 5}};
  profile.total = {.stage = "total", .ms = 20, .flops = 4.5e9, .bytes = 3e8, .roof_share = 0.5625};
  profile.counted_flops = 5e9;
  results.profiles = {profile};
  return results;
}

TEST(ProfileText, HasARowForEachStageAndTheTotal) {
  const std::string text = profile_text(profiled(), {.width = 100});
  EXPECT_THAT(text,
              HasSubstr("native bf16, batch size 8, texts as given\n"
                        "  20.0 ms a batch, 2.50 ms per text. 5 rounds over 4 batches of 32 texts and 800 tokens, "
                        "2 threads.\n"));
  EXPECT_THAT(text, HasSubstr("feed-forward up  15.00   75.0 %      300  20.0       75.0 %\n"));
  EXPECT_THAT(text, HasSubstr("waiting           5.00   25.0 %\n"));
  EXPECT_THAT(text, HasSubstr("total            20.00  100.0 %      225  15.0       56.2 %\n"));
  EXPECT_THAT(text, HasSubstr("250 GFLOP/s"));
  EXPECT_THAT(text, HasSubstr("fp32 200 GFLOP/s, bf16 400 GFLOP/s, int8 none; memory 30.0 GB/s"));
  EXPECT_THAT(text, Not(HasSubstr("profile.json")));
}

TEST(ProfileText, SaysWhereTheFileIsAndWhatIsMissing) {
  BenchResults results = profiled();
  results.interrupted = true;
  results.notes = {"Left out: int8."};
  const std::string text = profile_text(results, {.out_dir = "out"});
  EXPECT_THAT(text, HasSubstr("\nout/profile.json\n"));
  EXPECT_THAT(text, HasSubstr("Interrupted"));
  EXPECT_THAT(text, HasSubstr("Left out: int8."));
}

TEST(ProfileJson, HoldsEveryFigure) {
  const auto json = nlohmann::json::parse(profile_json(profiled()));
  EXPECT_EQ(json.at("schema_version"), kProfileSchemaVersion);
  EXPECT_EQ(json.at("machine").at("threads"), 2);
  const auto& profile = json.at("profiles").at(0);
  EXPECT_EQ(profile.at("ms_per_text"), 2.5);
  EXPECT_EQ(profile.at("counted_flops"), 5e9);
  EXPECT_EQ(profile.at("total").at("gflops"), 225.0);
  const auto& up = profile.at("stages").at(0);
  EXPECT_EQ(up.at("share"), 0.75);
  EXPECT_EQ(up.at("gbps"), 20.0);
  EXPECT_EQ(up.at("roof_share"), 0.75);
  const auto& waiting = profile.at("stages").at(1);
  EXPECT_TRUE(waiting.at("gflops").is_null() && waiting.at("gbps").is_null() && waiting.at("roof_share").is_null());
}

TEST(WriteProfile, LeavesOneFile) {
  const TemporaryFolder folder;
  write_profile(profiled(), folder.path() / "out");
  EXPECT_EQ(read_file(folder.path() / "out" / "profile.json", 1 << 20), profile_json(profiled()));
}

}  // namespace
}  // namespace paceline
