#include "backend/native/native_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "batch/batch_planner.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "kernels/kernels.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

class NativeBackendTest : public testing::Test {
 protected:
  static std::filesystem::path model(const std::string& name) {
    return std::filesystem::path(PACELINE_TESTDATA) / "models" / name;
  }

  Checkpoint checkpoint_ = Checkpoint::open(model("roberta-fp16"));
};

TEST_F(NativeBackendTest, SaysWhatItIs) {
  const auto backend = create_native_backend(checkpoint_, {.threads = 2});
  const BackendInfo& info = backend->info();
  EXPECT_EQ(info.name, "native");
  EXPECT_EQ(info.version, version());
  EXPECT_EQ(info.device, "cpu");
  EXPECT_EQ(info.dtype, "fp16");
  EXPECT_EQ(info.compute_type, "fp32");
  EXPECT_THAT(info.settings, testing::HasSubstr("ISA " + std::string(active_kernels().name)));
  EXPECT_FALSE(info.padded);
  EXPECT_EQ(info.threads, 2);
  EXPECT_EQ(info.outputs, 2);
}

TEST_F(NativeBackendTest, WeightsThatBecomeShorterWhileTheyLoadAreAnError) {
  for (const char* name : {"models/roberta-fp16", "families/gpt2-plain"}) {
    const TemporaryFolder folder;
    std::filesystem::copy(std::filesystem::path(PACELINE_TESTDATA) / name, folder / "model");
    const Checkpoint checkpoint = Checkpoint::open(folder / "model");
    std::filesystem::resize_file(folder / "model" / "model.safetensors", 5000);
    for (const char* type : {"fp32", "int8"}) {
      expect_error(
          ErrorCode::kCorruptData, [&] { create_native_backend(checkpoint, {.compute_type = type, .threads = 2}); },
          "model.safetensors] the file became shorter");
    }
    const auto reference = create_reference_backend(checkpoint, {.name = "reference", .threads = 2});
    PackedBatch batch;
    append_sequence(batch, std::vector<int32_t>{2, 3, 4}, {});
    std::vector<float> logits(static_cast<std::size_t>(checkpoint.network().outputs));
    expect_error(
        ErrorCode::kCorruptData, [&] { reference->run(batch, logits); }, "the file became shorter");
  }
}

// Under ctest this runs once per ISA level, with PACELINE_FORCE_ISA set.
TEST_F(NativeBackendTest, RunsOnTheForcedIsa) {
  const char* forced = std::getenv("PACELINE_FORCE_ISA");
  const auto backend = create_native_backend(checkpoint_, {.threads = 1});
  EXPECT_THAT(backend->info().settings, testing::HasSubstr(forced == nullptr ? "ISA " : forced));
}

TEST_F(NativeBackendTest, AgreesWithTheReferenceBackend) {
  const Json golden = read_json_file(model("roberta-fp16") / "golden.json");
  PackedBatch batch;
  for (const Json& one : golden.at("cases"))
    append_sequence(batch, one.at("input_ids").get<std::vector<int32_t>>(), {});
  std::vector<float> logits(static_cast<std::size_t>(batch.sequences()) * 2);
  std::vector<float> exact(logits.size());
  create_native_backend(checkpoint_, {.threads = 2})->run(batch, logits);
  const auto reference = create_reference_backend(checkpoint_, {.name = "reference", .threads = 1});
  reference->run(batch, exact);
  EXPECT_EQ(reference->info().name, "reference");
  float largest = 0;
  for (const float value : exact) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], exact[i], 1e-5F * largest) << i;
}

TEST_F(NativeBackendTest, RefusesWhatItCannotDo) {
  const auto code = [&](const BackendOptions& options) {
    try {
      create_native_backend(checkpoint_, options);
    } catch (const Error& error) {
      return error_code_name(error.code());
    }
    return std::string_view("accepted");
  };
  EXPECT_EQ(code({.compute_type = "fp16"}), "unsupported");
  EXPECT_EQ(code({.device = "cuda:0"}), "unsupported");
  EXPECT_EQ(code({.threads = -1}), "invalid_argument");
  EXPECT_EQ(code({.threads = 1}), "accepted");
}

TEST_F(NativeBackendTest, RefusesWeightsThatAreNotFinite) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  TinyWeights weights = tiny_weights(Checkpoint::open(folder.path()).network());
  const std::string name = "roberta.encoder.layer.1.output.dense.weight";
  for (std::size_t i = 0; i < weights.tensors.size(); ++i) {
    if (weights.tensors[i].name == name) weights.storage[i][12 * 40 + 7] = std::nanf("");
  }
  write_safetensors(folder / "model.safetensors", weights.tensors, {});
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  for (const std::string type : {"fp32", "bf16", "int8"}) {
    expect_error(
        ErrorCode::kCorruptData, [&] { create_native_backend(checkpoint, {.compute_type = type, .threads = 2}); },
        "tensor " + name + " holds NaN at [12, 7], finite numbers were expected.");
  }
}

TEST_F(NativeBackendTest, RefusesIdsOutsideTheVocabulary) {
  const auto backend = create_native_backend(checkpoint_, {.threads = 1});
  PackedBatch batch;
  append_sequence(batch, std::vector<int32_t>{1, checkpoint_.network().vocab_size}, {});
  std::vector<float> logits(2);
  EXPECT_THROW(backend->run(batch, logits), Error);
}

}  // namespace
}  // namespace paceline
