#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "evaluate/evaluate.h"
#include "plan/plan.h"
#include "results/results.h"
#include "rows/row_reader.h"

namespace paceline {

/// How much is measured.
enum class Protocol {
  kBudget,   ///< what fits into a time: samples of the batches, the slow cells dropped
  kArticle,  ///< everything: every text, batch size, order and backend, five rounds; hours, saved as it goes
};
inline constexpr int kArticleRounds = 5;

/// How a worker process is started: it must call run_worker(kWorkerDescriptor, kWorkerDescriptor) of
/// bench/worker_server.h.
struct WorkerCommand {
  std::filesystem::path executable = "/proc/self/exe";
  std::vector<std::string> arguments{"worker"};
};

/// An export of the user's own, and the backend that runs it.
struct UserFile {
  std::string backend;
  std::filesystem::path path;
};

/// The texts that are measured.
struct BenchTexts {
  std::filesystem::path file;  ///< verify: empty for made-up ids
  RowReaderOptions rows;
  int32_t sample = 1000;  ///< as many of them, chosen at random
  uint64_t seed = 0;
  std::optional<LongTextOptions> long_texts{};  ///< for the plan, too; windows: batches are of windows
  /// Texts with what is expected of them, to say how often answers are right; empty: none. They are in the same formats
  /// and columns; where `file` is empty they are measured, too.
  std::filesystem::path labelled{};
  std::string label_column = kDefaultLabelColumn;
};

/// What is measured of a model: every combination of these that the backends have.
struct BenchChoice {
  std::vector<std::string> backends;       ///< empty: every known one, those not installed left out with a reason
  std::vector<std::string> compute_types;  ///< empty: all that the CPU has instructions for
  std::vector<std::string> devices{"cpu"};
  std::vector<UserFile> files;  ///< the user's own exports, measured beside the backends
  std::vector<int32_t> batch_sizes{1, 2, 4, 8, 16, 32, 64};
  std::vector<int32_t> max_batch_tokens;  ///< packed backends are measured with these token budgets, too
  std::vector<Order> orders{Order::kInput, Order::kLength};
  std::vector<int32_t> threads{0};    ///< of each instance; 0: the CPUs of the process divided by the instances
  std::vector<int32_t> instances{1};  ///< copies of the model that take batches side by side
};

/// How it is measured, and for how long.
struct BenchMethod {
  Protocol protocol = Protocol::kBudget;
  double budget_seconds = 300;       ///< kBudget
  std::filesystem::path rounds_dir;  ///< kArticle: where finished rounds are saved (round_store.h)
  bool resume = false;               ///< kArticle: go on with the rounds saved there
  bool dry_run = false;              ///< plan, predict and stop

  bool article() const { return protocol == Protocol::kArticle; }
};

/// Who hears of a run while it is under way. Each may be missing.
struct BenchListener {
  Progress* progress = nullptr;
  /// Gets what the readers of the checkpoint and of the texts noticed, each a sentence without its full stop, before
  /// anything is measured.
  std::function<void(const std::string&)> on_notice;
  /// Gets what takes time beside the budget, or more than it, before it begins.
  std::function<void(const std::string&)> on_extra;
  std::function<void(const std::string&)> on_plan;  ///< gets the plan and its predicted time before cells are timed
};

/// What `paceline bench`, `bench --profile` and `verify` are asked for.
struct BenchOptions {
  std::filesystem::path model_dir;  ///< or an id of the hub, as find_model_folder takes it
  CheckpointOptions checkpoint_options{};
  BenchTexts texts;
  BenchChoice choice;
  BenchMethod method;
  Constraints constraints;          ///< what the recommendation has to respect
  LabelOptions labels{};            ///< for the plan, and for text to labels
  std::filesystem::path cache_dir;  ///< empty: default_cache_dir()
  std::string command;              ///< as typed, for the report
  WorkerCommand worker;
  std::stop_token stop{};  ///< asked for by Ctrl-C; bench then ends early with what it has
  BenchListener listener;
};

/// Measures every configuration on the user's texts within the budget. What fails within one backend is in the
/// results; throws Error for what ends the whole run: bad options, an unusable checkpoint or text file, a backend
/// named in `choice.backends` that is not installed (unavailable). Where no backend ran at all, each one's `error` says
/// why.
BenchResults run_bench(const BenchOptions& options);

/// Where a kArticle run keeps its finished rounds.
std::filesystem::path saved_rounds(const std::filesystem::path& rounds_dir);

/// After a kArticle run that is complete and whose report is written: the saved rounds go.
void remove_saved_rounds(const std::filesystem::path& rounds_dir);

/// The gate alone: every backend and compute type answers the gate's texts; `backends` of the results is filled.
BenchResults run_verify(const BenchOptions& options);

/// Where the time of native's forward pass goes: compute types, batch sizes and the first of the orders select;
/// `profiles` of the results is filled. Throws Error{invalid_argument} for options that select anything else.
BenchResults run_profile(const BenchOptions& options);

/// What classify is to obey, with labels as asked for; nothing without a valid recommendation.
std::optional<Plan> make_plan(const BenchResults& results, const LabelOptions& labels);

}  // namespace paceline
