// Rough treatment of the public API: odd paths, forks, objects that were moved from.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "paceline/classifier.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";

/// Throws an Error whose message is one clean line, and nothing else.
void expect_some_error(const fs::path& model, const ClassifierOptions& options) {
  SCOPED_TRACE(model.string().substr(0, 80));
  try {
    const Classifier classifier(model, options);
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    EXPECT_TRUE(std::string_view(error.what()).starts_with("[")) << error.what();
    EXPECT_EQ(std::string_view(error.what()).find_first_of("\n\x1b\x7f\xff"), std::string_view::npos) << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not an Error: " << error.what();
  }
}

std::vector<fs::path> odd_paths(const TemporaryFolder& folder) {
  fs::create_symlink(folder / "loop", folder / "loop");
  std::ofstream(folder / "file") << "x";
  std::ofstream(folder / "empty") << "";
  return {folder / "none",
          folder / "loop",
          folder / "loop" / "below",
          folder / "file" / "below",
          folder / "file",
          folder / "empty",
          folder.path(),
          folder / std::string(300, 'n'),
          fs::path(std::string(5000, 'n')),
          folder / "\xff\xfe",
          folder / "line\nend\x1b[2J",
          "/dev/null",
          "/proc/self/mem",
          "/proc/1/fd"};
}

TEST(OddPaths, AsTheModel) {
  const TemporaryFolder folder;
  expect_some_error("", {});
  for (const fs::path& odd : odd_paths(folder)) {
    expect_some_error(odd, {});
    expect_some_error(odd / "plan.json", {});
  }
}

TEST(OddPaths, InsideTheModel) {
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}) {
    const TemporaryFolder folder;
    const fs::path model = folder / "model";
    fs::copy(kModel, model);
    for (const fs::path& odd : odd_paths(folder)) {
      fs::remove(model / name);
      if (odd.native().size() > 4000) continue;  // no link can name it
      fs::create_symlink(odd, model / name);
      std::error_code error;
      const bool may_be_missing = std::string_view(name) == "tokenizer_config.json";
      if (may_be_missing && fs::status(model / name, error).type() == fs::file_type::not_found) continue;
      expect_some_error(model, {.threads = 1});
    }
  }
}

TEST(OddPaths, AsOptions) {
  const TemporaryFolder folder;
  for (const fs::path& odd : odd_paths(folder)) {
    expect_some_error(kModel, {.weights = odd, .threads = 1});
    expect_some_error(kModel, {.backend = "onnxruntime", .file = odd, .threads = 1});
    expect_some_error(kModel, {.backend = "torchscript", .file = odd, .threads = 1});
  }
}

TEST(MovedFrom, IsAnError) {
  Classifier classifier(kModel, {.threads = 1});
  const Classifier other = std::move(classifier);
  const auto empty = [&]() -> Classifier& { return classifier; };
  expect_error(
      ErrorCode::kInvalidArgument, [&] { empty().classify_one("a"); }, "moved from");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { empty().labels(); }, "moved from");
  EXPECT_EQ(other.labels().size(), 3U);
}

/// What a forked child finds wrong, as bits.
int child_finds(Classifier& parents, const ClassifierOptions& options, const std::string& label) {
  int wrong = 0;
  try {
    parents.classify_one("hello");
    wrong |= 1;
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("forked") == std::string_view::npos) wrong |= 2;
  }
  { const Classifier gone = std::move(parents); }
  Classifier own(kModel, options);
  if (own.classify_one("hello").label != label) wrong |= 4;
  return wrong;
}

TEST(Fork, AChildIsRefusedAndMayLoadItsOwn) {
  for (const ClassifierOptions& options : {ClassifierOptions{.threads = 2}, ClassifierOptions{.threads = 1},
                                           ClassifierOptions{.threads = 1, .instances = 2}}) {
    Classifier classifier(kModel, options);
    const std::string label = classifier.classify_one("hello").label;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(200);  // what hangs is ended, and fails below
      ::_exit(child_finds(classifier, options, label));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(classifier.classify_one("hello").label, label) << "the parent goes on";
  }
}

}  // namespace
}  // namespace paceline
