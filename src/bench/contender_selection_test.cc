#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "bench/testing/bench_run_fixture.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class ContenderSelectionTest : public BenchRunTest {};

TEST_F(ContenderSelectionTest, AnAbsentEngineIsLeftOutUnlessItWasNamed) {
  world_.backends["onnxruntime fp32"].missing = "backend onnxruntime is not installed: run ./dev setup.";
  options_.choice.backends.clear();
  run();
  EXPECT_THAT(backend("onnxruntime").error, HasSubstr("not installed"));
  EXPECT_TRUE(results_.recommendation.valid);
  options_.choice.backends = {"native", "onnxruntime"};
  try {
    run();
    FAIL() << "a named engine is missing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

TEST_F(ContenderSelectionTest, ThreadsAndInstancesAreAnAxis) {
  options_.choice.backends = {"native"};
  options_.choice.batch_sizes = {8};
  options_.choice.threads = {1, 2};
  options_.choice.instances = {1, 2};
  run();
  ASSERT_EQ(results_.backends.size(), 3U);
  EXPECT_EQ(results_.cells.size(), 6U);
  EXPECT_THAT(notes(), HasSubstr("left out: 2 x 2"));
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("thread"));
  EXPECT_EQ(results_.recommendation.rejections.size(), 2U);
}

TEST_F(ContenderSelectionTest, FilesOfTheUserAreMeasuredUnderTheirNames) {
  const std::filesystem::path file = cache_.path() / "mine.onnx";
  write_file_atomically(file, "x");
  options_.choice.backends = {"native"};
  options_.choice.files = {{"onnxruntime", file}};
  world_.backends["onnxruntime exported"] = world_.backends["onnxruntime fp32"];
  run();
  const BackendResult& mine = backend("mine.onnx");
  EXPECT_EQ(mine.engine, "onnxruntime");
  EXPECT_EQ(mine.file, file.string());
  EXPECT_TRUE(mine.gate.accepted) << mine.gate.verdict;
  options_.choice.files = {{"onnxruntime", file}, {"onnxruntime", file}};
  EXPECT_THROW(run(), Error);
  options_.choice.files = {{"onnxruntime", cache_.path() / "none.onnx"}};
  EXPECT_THROW(run(), Error);
}

TEST_F(ContenderSelectionTest, ADeviceThatNobodyRunsOnIsUnavailable) {
  options_.choice.devices = {"cuda:0"};
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

}  // namespace
}  // namespace paceline
