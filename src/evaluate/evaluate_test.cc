#include "evaluate/evaluate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "plan/deployment.h"

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";

TEST(Evaluate, CountsEachRowOnceOverSeveralThreads) {
  const TemporaryFolder folder;
  std::string rows = "text,label\n";
  for (int i = 0; i < 60; ++i) rows += fmt::format("text number {},{}\n", i, i % 6 == 0 ? "" : "low");
  write_file_atomically(folder / "data.csv", rows);
  Deployment model = read_deployment(kModel);
  model.run.backend.threads = 2;
  model.run.backend.cache_dir = folder.path();
  model.run.limits.chunk = 7;
  const auto progress = make_silent_progress();
  const auto found = evaluate(model, model, {.data = folder / "data.csv"}, *progress);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->data.texts, 50);
  ASSERT_EQ(found->data.skipped.size(), 1U);
  EXPECT_EQ(found->data.skipped[0].rows, 10);
  EXPECT_EQ(found->data.skipped[0].reason, "no label");
  ASSERT_TRUE(found->scores.single.has_value());
  EXPECT_EQ(found->scores.single->texts, 50);
  EXPECT_EQ(found->against->texts, 50);
  EXPECT_EQ(found->against->single->agreement.value, 1);
}

}  // namespace
}  // namespace paceline
