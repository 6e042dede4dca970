#include "bench/gate_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/testing/bench_run_fixture.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class GateRunTest : public BenchRunTest {};

TEST_F(GateRunTest, WrongAnswersAreNeverRecommended) {
  world_.backends["onnxruntime-unpadded fp32"].logit_error = 0.01;
  world_.backends["onnxruntime-unpadded fp32"].seconds_per_token = 0.0001;
  run();
  EXPECT_FALSE(backend("onnxruntime-unpadded").gate.accepted);
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
  EXPECT_FALSE(results_.named_type_rejected);
}

TEST_F(GateRunTest, ARejectedTypeThatWasNamedIsToldApart) {
  world_.backends["onnxruntime fp32"].logit_error = 0.01;
  options_.choice.compute_types = {"fp32"};
  run();
  EXPECT_TRUE(results_.named_type_rejected);
}

TEST_F(GateRunTest, AWrongOracleRejectsEverybody) {
  world_.backends["native fp32"].logit_error = 0.01;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("the gate accepted no backend"));
  for (const BackendResult& one : results_.backends) {
    EXPECT_TRUE(one.gate.ran);
    EXPECT_FALSE(one.gate.accepted);
  }
}

TEST_F(GateRunTest, TheReferenceIsAskedOncePerCheckpoint) {
  run();
  const int first = world_.starts;
  EXPECT_EQ(backend("native").gate.oracle, "reference");
  EXPECT_EQ(backend("native").gate.texts, 9);
  world_.starts = 0;
  results_.notes.clear();
  run();
  EXPECT_EQ(world_.starts, first - 1);
  EXPECT_EQ(backend("native").gate.texts, 9);
  subject_.checkpoint_hash = "another";
  world_.starts = 0;
  run();
  EXPECT_EQ(world_.starts, first);
}

TEST_F(GateRunTest, VerifyAsksTheReferenceAboutTheTextsThatAreNamed) {
  options_.choice.backends = {"native"};
  options_.texts.file = "texts.txt";
  for (int i = 0; i < 2; ++i) run_gate_alone(options_, subject_, world_.environment(), results_);
  EXPECT_EQ(world_.starts, 4) << "native and the reference, each time";
}

TEST_F(GateRunTest, WithoutNativeTheOracleRunsBesideTheContenders) {
  options_.choice.backends = {"onnxruntime"};
  run();
  EXPECT_EQ(results_.backends.size(), 1U);
  EXPECT_TRUE(backend("onnxruntime").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "native fp32");
  EXPECT_TRUE(results_.recommendation.valid);
}

TEST_F(GateRunTest, TorchEagerIsTheOracleAndTheBaselineWhereItRuns) {
  world_.backends["torch-eager fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.0011, .padded = true};
  options_.choice.backends.push_back("torch-eager");
  run();
  EXPECT_EQ(backend("native").gate.oracle, "torch-eager fp32");
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "torch-eager fp32");
  EXPECT_EQ(backend("torch-eager").gate.oracle, "native fp32");
  EXPECT_EQ(results_.baseline->backend, "torch-eager");
  for (const BackendResult& one : results_.backends) EXPECT_TRUE(one.gate.accepted) << one.backend;
}

TEST_F(GateRunTest, WhereTorchAndNativeDifferTheReferenceDecides) {
  world_.backends["torch-eager fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.0011, .padded = true};
  options_.choice.backends.push_back("torch-eager");
  world_.backends["torch-eager fp32"].logit_error = 0.01;
  run();
  EXPECT_FALSE(backend("torch-eager").gate.accepted);
  EXPECT_EQ(backend("native").gate.oracle, "reference");
  EXPECT_TRUE(backend("native").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "native fp32");
  world_.backends["torch-eager fp32"].logit_error = 0;
  world_.backends["native fp32"].logit_error = 0.01;
  subject_.checkpoint_hash = "another";
  run();
  EXPECT_FALSE(backend("native").gate.accepted);
  EXPECT_TRUE(backend("torch-eager").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "torch-eager fp32");
  EXPECT_TRUE(backend("onnxruntime").gate.accepted);
}

}  // namespace
}  // namespace paceline
