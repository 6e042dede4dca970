#include "cli/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <functional>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "cli/exit_code.h"

namespace paceline {
namespace {

constexpr int kWentOn = 77;

class ResultFile : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) write_file_atomically(file_, "earlier");
  }

  /// In a process of its own: a signal comes at this point of the work.
  void expect_end(int code, const std::function<void()>& work) {
    const auto run = [&] {
      install_signal_handlers(true);
      note_result_file(file_);
      work();
      ::raise(SIGTERM);
      ::_exit(kWentOn);
    };
    EXPECT_EXIT(run(), testing::ExitedWithCode(code), "");
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "model.onnx";
};

TEST_P(ResultFile, ASignalBeforeItIsThereEndsTheProgram) {
  expect_end(kExitInterrupted, [] {});
  expect_end(kExitInterrupted, [&] {
    AtomicFile file(file_);
    file.write("half");
    ::raise(SIGTERM);
  });
}

TEST_P(ResultFile, ASignalOnceItIsThereChangesNothing) {
  expect_end(kWentOn, [&] { write_file_atomically(file_, "whole"); });
}

TEST_P(ResultFile, ASecondSignalEndsTheProgramAllTheSame) {
  expect_end(kExitInterrupted, [&] {
    write_file_atomically(file_, "whole");
    ::raise(SIGTERM);
  });
}

INSTANTIATE_TEST_SUITE_P(BesideAnEarlierOne, ResultFile, testing::Bool(),
                         [](const auto& is_there) { return is_there.param ? "Replaced" : "New"; });

}  // namespace
}  // namespace paceline
