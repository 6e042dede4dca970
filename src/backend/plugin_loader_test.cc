#include "backend/plugin_loader.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "base/plugin_build_id.h"
#include "base/testing/expect_error.h"

namespace paceline {
namespace {

// Sets an environment variable for one test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class PluginLoader : public testing::Test {
 protected:
  ScopedVariable folder_{"PACELINE_PLUGIN_DIR", FAKE_PLUGIN_DIR};
};

std::unique_ptr<Backend> create_fake(const std::string& compute_type) {
  const Checkpoint checkpoint;
  const PluginTable& table = load_plugin({.name = "fake", .install = "./dev setup"});
  return create_plugin_backend(table, checkpoint, {.name = "fake", .compute_type = compute_type, .cache_dir = {}});
}

TEST_F(PluginLoader, RunsABackendThroughTheTable) {
  const auto backend = create_fake("fp32");
  EXPECT_EQ(backend->info().name, "fake");
  EXPECT_EQ(backend->info().outputs, 1);
  const PackedBatch batch{.input_ids = {1, 2, 3, 4}, .token_type_ids = {}, .cu_seqlens = {0, 3, 4}, .max_seqlen = 3};
  std::array<float, 2> logits{};
  backend->run(batch, logits);
  EXPECT_EQ(logits[0], 3);
  EXPECT_EQ(logits[1], 1);
}

TEST_F(PluginLoader, OpensAFileOnce) {
  EXPECT_EQ(&load_plugin({.name = "fake"}), &load_plugin({.name = "fake"}));
  EXPECT_EQ(plugin_engine_version(load_plugin({.name = "fake"})), "7.0");
}

TEST_F(PluginLoader, AForkedChildIsRefusedAnEngineOfItsParent) {
  load_plugin({.name = "fake"});
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    try {
      load_plugin({.name = "fake"});
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(std::string_view(error.what()).find("forked") == std::string_view::npos ? 2 : 0);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(PluginLoader, TurnsWhatTheEngineThrowsIntoErrors) {
  expect_error(
      ErrorCode::kUnsupported, [] { create_fake("none"); }, "It computes nothing.");
  expect_error(
      ErrorCode::kInternal, [] { create_fake("broken"); }, "the engine broke");
  expect_error(
      ErrorCode::kInternal, [] { create_fake("strange"); }, "no exception");
  const auto backend = create_fake("fp32");
  std::array<float, 5> logits{};
  const PackedBatch batch{.input_ids = {1}, .token_type_ids = {}, .cu_seqlens = {0, 1}, .max_seqlen = 1};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { backend->run(batch, logits); }, "another size");
}

TEST_F(PluginLoader, SaysWhereAMissingPluginWasLookedForAndWhatInstallsIt) {
  expect_error(
      ErrorCode::kUnavailable, [] { load_plugin({.name = "absent", .install = "./dev setup absent"}); },
      "[backend absent]", "libpaceline_absent.so", FAKE_PLUGIN_DIR, "./dev setup absent");
}

TEST_F(PluginLoader, RefusesAnotherBuildWithBothIds) {
  expect_error(
      ErrorCode::kUnavailable, [] { load_plugin({.name = "other"}); }, "0.0.0 of another tree", plugin_build_id(),
      "Rebuild");
}

TEST_F(PluginLoader, RefusesAnotherPluginsFile) {
  expect_error(
      ErrorCode::kUnavailable, [] { load_plugin({.name = "stand_in", .install = "./dev build"}); },
      "libpaceline_stand_in.so is the plug-in onnxruntime under another name", "Run ./dev build.");
}

TEST_F(PluginLoader, RefusesALibraryWithoutTheTable) {
  expect_error(
      ErrorCode::kUnavailable, [] { load_plugin({.name = "none"}); }, "no plug-in of Paceline", kPluginTableSymbol);
}

TEST_F(PluginLoader, LetsOpenMpWaitPassivelyUnlessTheUserSaysOtherwise) {
  {
    const ScopedVariable unset("OMP_WAIT_POLICY", nullptr);
    EXPECT_ANY_THROW(load_plugin({.name = "none"}));
    EXPECT_STREQ(std::getenv("OMP_WAIT_POLICY"), "PASSIVE");
  }
  const ScopedVariable chosen("OMP_WAIT_POLICY", "ACTIVE");
  EXPECT_ANY_THROW(load_plugin({.name = "none"}));
  EXPECT_STREQ(std::getenv("OMP_WAIT_POLICY"), "ACTIVE");
}

TEST(PluginFolders, AreTheExecutablesOwnUnlessOneIsNamed) {
  const ScopedVariable unset("PACELINE_PLUGIN_DIR", nullptr);
  const auto folders = plugin_folders();
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(folders[0] / "backend_test"));
  EXPECT_EQ(folders[1].filename(), "paceline");
}

}  // namespace
}  // namespace paceline
