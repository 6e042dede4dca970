#include "backend/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

#include "backend/trainer.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "paceline/version.h"

namespace paceline {
namespace {

class Registry : public testing::Test {
 protected:
  Registry() { write_tiny_checkpoint(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(Registry, ListsEachBackendOnce) {
  std::set<std::string> names;
  for (const BackendEntry& entry : known_backends()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.compute_types.empty());
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_EQ(entry.plugin.install.empty(), entry.plugin.name.empty())
        << "what is not linked in needs a command that installs it";
    EXPECT_EQ(&find_backend(entry.name), &entry);
  }
  EXPECT_EQ(known_backends().front().name, "native");
}

TEST_F(Registry, SuggestsTheNearestName) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { find_backend("onnx-runtime"); }, "\"onnx-runtime\"",
      "Did you mean \"onnxruntime\"?", "native");
}

TEST_F(Registry, CreatesTheNativeBackend) {
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  const auto backend = create_backend(checkpoint, {.threads = 1, .cache_dir = folder_.path()});
  EXPECT_EQ(backend->info().name, "native");
  EXPECT_FALSE(backend->info().padded);
  const BackendStatus status = backend_status(find_backend("native"));
  EXPECT_TRUE(status.available);
  EXPECT_EQ(status.version, version());
}

TEST_F(Registry, KnowsTheReferenceWithoutListingIt) {
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  const auto reference = create_backend(checkpoint, {.name = kReferenceBackendName, .cache_dir = {}});
  const auto native = create_backend(checkpoint, {.threads = 1, .cache_dir = {}});
  EXPECT_EQ(reference->info().name, kReferenceBackendName);
  const PackedBatch batch{.input_ids = {2, 3}, .token_type_ids = {}, .cu_seqlens = {0, 2}, .max_seqlen = 2};
  std::array<float, 3> exact{}, ours{};
  reference->run(batch, exact);
  native->run(batch, ours);
  EXPECT_NEAR(exact[0], ours[0], 1e-4) << "the same network";
  for (const BackendEntry& entry : known_backends()) EXPECT_NE(entry.name, kReferenceBackendName);
}

TEST_F(Registry, RefusesComputeTypesAndDevicesThatABackendLacks) {
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { create_backend(checkpoint, {.name = "onnxruntime", .compute_type = "int4", .cache_dir = {}}); },
      "[backend onnxruntime]", "int4", "fp32");
  expect_error(
      ErrorCode::kUnavailable, [&] { create_backend(checkpoint, {.device = "cuda:0", .cache_dir = {}}); }, "cuda:0",
      "cpu");
}

TEST_F(Registry, ADeviceHasComputeTypesOfItsOwn) {
  const Checkpoint checkpoint = Checkpoint::open(folder_.path());
  const auto refuse = [&](const std::string& compute_type, const std::string& device, const std::string& part) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { create_backend(checkpoint, {.name = "torch-eager", .compute_type = compute_type, .device = device}); },
        "[backend torch-eager]", compute_type, part);
  };
  refuse("fp16", "cpu", "fp32, bf16, bf16-autocast on cpu");
  refuse("bf16-autocast", "cuda:0", "fp32, fp16, bf16 on cuda:0");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { create_backend(checkpoint, {.device = "gpu"}); }, "\"gpu\"", "cuda:0");
}

TEST_F(Registry, SaysWhyAnEngineIsNotThere) {
  ::setenv("PACELINE_PLUGIN_DIR", folder_.path().c_str(), 1);
  const BackendStatus status = backend_status(find_backend("onnxruntime"));
  expect_error(ErrorCode::kUnavailable, check_trainer, "[backend torch] It is not installed", "./dev setup torch");
  ::unsetenv("PACELINE_PLUGIN_DIR");
  EXPECT_FALSE(status.available);
  EXPECT_THAT(status.reason, testing::HasSubstr("./dev setup"));
}

}  // namespace
}  // namespace paceline
