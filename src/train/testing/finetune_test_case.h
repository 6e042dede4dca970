#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "train/finetune.h"
#include "train/testing/fake_trainer.h"

namespace paceline {

/// Texts whose letters tell their labels.
inline std::string moods(int texts) {
  const std::vector<std::pair<std::string, std::string>> kinds{
      {"joy", "le le re"}, {"anger", "on te"}, {"fear", "a b c d"}};
  std::string csv = "text,label\n";
  for (int i = 0; i < texts; ++i) {
    const auto& [label, words] = kinds[static_cast<std::size_t>(i) % kinds.size()];
    csv += words + " " + std::string(static_cast<std::size_t>(i / 7 % 5), 'e') + std::to_string(i % 6) + "," + label +
           "\n";
  }
  return csv;
}

/// Trainings of 18 updates with an evaluation after each sixth, by the made-up trainer.
class FinetuneTest : public testing::Test {
 protected:
  FinetuneTest() {
    write_file_atomically(folder_ / "train.csv", moods(48));
    write_file_atomically(folder_ / "eval.csv", moods(15));
  }

  FinetuneOptions options(const std::string& out = "out") const {
    FinetuneOptions options{.model = PACELINE_TESTDATA "/models/bert-encoder",
                            .train = folder_ / "train.csv",
                            .eval = folder_ / "eval.csv",
                            .out = folder_ / out,
                            .rows = {.label_column = "label"},
                            .cache_dir = folder_ / "cache",
                            .command = "paceline finetune ..."};
    options.recipe.batch_size = 8;
    options.recipe.learning_rate = 2;
    options.recipe.threads = 1;
    return options;
  }

  FinetuneResult run(const FinetuneOptions& options, const FakeTrainerHooks& hooks = {}, std::stop_token stop = {}) {
    notices_.clear();
    return finetune(options, fake_engine(hooks),
                    {.notice = [&](const std::string& notice) { notices_.push_back(notice); },
                     .progress =
                         [&](const char*) {
                           if (on_progress_) on_progress_();
                           return make_silent_progress();
                         }},
                    std::move(stop));
  }

  /// Does it in a process that is killed then, if not before.
  void killed_after(const std::function<void()>& action) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        action();
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  }

  void kill_in_update(const FinetuneOptions& options, int64_t update) {
    killed_after([&] {
      run(options, {.before_update = [&](int64_t made) {
            if (made == update) ::kill(::getpid(), SIGKILL);
          }});
      ::_exit(0);
    });
  }

  /// As Ctrl-C in this update does: it is the last one.
  FinetuneResult stop_in_update(const FinetuneOptions& options, int64_t update, FakeTrainerHooks hooks = {}) {
    std::stop_source stop;
    hooks.before_update = [&](int64_t made) {
      if (made + 1 == update) stop.request_stop();
    };
    return run(options, hooks, stop.get_token());
  }

  std::string weights(const std::string& out) const {
    return read_file(folder_ / out / "model.safetensors", std::size_t{1} << 24);
  }
  std::vector<std::string> files(const std::string& out) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / out))
      names.push_back(entry.path().filename().string());
    return names;
  }

  TemporaryFolder folder_;
  std::vector<std::string> notices_;
  std::function<void()> on_progress_;  ///< called where a part of the work begins
};

}  // namespace paceline
