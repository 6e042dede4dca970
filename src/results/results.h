#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch_planner.h"
#include "checkpoint/checkpoint_options.h"
#include "machine/machine.h"
#include "paceline/classifier.h"
#include "statistics/score.h"

namespace paceline {

/// Everything a run of bench found out: what report/ turns into files and the terminal summary. No clock, no engine
/// here.

/// A median with its 95 % interval.
struct Estimate {
  double median = 0, low = 0, high = 0;
};

/// What varies: one point of the grid.
struct Configuration {
  std::string backend;
  std::string compute_type = "fp32";
  std::string device = "cpu";
  int32_t batch_size = 0;        ///< 0 where max_batch_tokens rules
  int32_t max_batch_tokens = 0;  ///< 0 where batch_size rules
  Order order = Order::kInput;
  int32_t threads = 1;    ///< of each instance
  int32_t instances = 1;  ///< copies of the model that take batches side by side, each on CPUs of its own

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

/// One timed subset of a cell's batches in one round.
struct Timing {
  int32_t round = 0;
  bool confirmation = false;
  int32_t batches = 0;
  int64_t tokens = 0;  ///< real tokens
  double share = 0;    ///< of the work of all of the cell's batches, by the cost model: seconds / share is the whole
  double seconds = 0;
};

/// What would give a confirmed cell more rounds, or more texts in each. The first one wins where two cells differ.
enum class ConfirmationLimit {
  kBudget,  ///< a larger budget
  kTexts,   ///< more texts: its rounds share all that the sample has left for them
  kNone,    ///< nothing: it has as much as bench measures, whatever the budget
};

/// A configuration and what was measured for it.
struct CellResult {
  Configuration configuration;
  double padding_ratio = 0;
  int32_t rounds = 0;  ///< behind ms_per_text: confirmation rounds where confirmed, else exploratory ones
  bool confirmed = false;
  bool partial = false;                                  ///< interrupted before its planned rounds
  ConfirmationLimit limit = ConfirmationLimit::kBudget;  ///< where confirmed; known to the run alone, so in no file
  Estimate ms_per_text;
  double ms_per_text_min = 0;
  double texts_per_second = 0;
  double tokens_per_second = 0;
  Estimate speedup;               ///< against the baseline
  double p50_ms = 0, p90_ms = 0;  ///< latency of one text at batch size 1, nearest rank; 0 elsewhere
  double p95_ms = 0, p99_ms = 0;
  double predicted_ms_per_text = 0;  ///< from the probes, before anything was timed
  double roof_share = 0;  ///< avoidable-work-free FLOPs per second over the machine's roof for the compute type
  std::string error;      ///< instead of figures where it could not run
  std::vector<Timing> timings;
};

/// What the gate judged a backend by.
enum class GateBasis {
  kAnswers,   ///< how far its answers are from the oracle's
  kAccuracy,  ///< how much less often they are right: of a compute type other than fp32, with labels
};

/// The gate: answers compared with the oracle's.
struct GateResult {
  bool ran = false;
  bool comparable = false;  ///< all answers are numbers, as many as the oracle's; known to the run alone
  bool accepted = false;
  std::string oracle;  ///< "native fp32", "reference"
  int32_t texts = 0;
  double max_abs_logit_diff = 0;
  double mean_abs_logit_diff = 0;
  double max_relative_diff = 0;  ///< relative to the largest logit
  double agreement = 0;          ///< share of texts with the same label, ties within 1e-3 not counted
  GateBasis basis = GateBasis::kAnswers;
  std::string verdict;  ///< why it was accepted or rejected: a sentence or two, without that word
};

/// What says how good a model's answers are, by its task: evaluate's first figure.
enum class Metric {
  kAccuracy,  ///< one label per text
  kMicroF1,   ///< several labels
  kPearson,   ///< a regression
};

/// What a backend's answers to labelled texts are worth.
struct AccuracyResult {
  Score headline;                   ///< of the metric
  std::optional<Score> macro_f1{};  ///< of labels
  std::optional<Score> spearman{};  ///< of a regression; none for a constant
  /// The headline minus the oracle's, of the same texts (a paired interval); none of the oracle's own.
  std::optional<Score> difference{};
};

/// Texts whose labels are known.
struct LabelledSummary {
  std::string source{};        ///< file name
  std::string label_column{};  ///< where the file has the labels
  Metric metric = Metric::kAccuracy;
  std::string oracle{};             ///< whose accuracy the others' is compared with: "native fp32"
  bool labels_are_numbers = false;  ///< the file calls labels 0 to K - 1, not by their names
  int64_t texts_available = 0;
  int64_t texts = 0;  ///< that every backend answered
  int64_t rows_skipped = 0;
};

/// A backend at one compute type, loaded in a worker process of its own.
struct BackendResult {
  std::string backend;  ///< a name of the registry, or the file name of the user's own export
  std::string engine;   ///< the registry's backend that runs it: its own name, or that of the file's format
  std::string file;     ///< the user's own export, absolute; empty: none
  std::string compute_type;
  std::string version;
  std::string settings;
  std::string dtype;
  std::string device = "cpu";
  bool padded = false;
  int32_t threads = 1;
  int32_t instances = 1;
  double load_ms = 0;
  int64_t peak_memory_bytes = 0;  ///< of its worker, all instances together
  GateResult gate;
  std::optional<AccuracyResult> accuracy{};  ///< none without labels
  std::string error;                         ///< why it is out: not installed, crashed, killed
  bool no_room = false;                      ///< it is out for want of memory, threads or open files
};

struct WorkloadSummary {
  std::string source;  ///< file name of the texts
  int64_t texts_available = 0;
  int64_t texts = 0;      ///< in the sample
  int64_t sequences = 0;  ///< that the model reads: one for each text, or its windows; lengths are theirs
  std::optional<LongTextOptions> long_texts{};  ///< empty: truncated, as nobody asked
  int64_t rows_skipped = 0;
  uint64_t seed = 0;
  double mean_tokens = 0;
  int32_t min_tokens = 0, max_tokens = 0;
  double median_tokens = 0, p95_tokens = 0;
  int64_t truncated_texts = 0;
  /// token_histogram[i] counts sequences of [i * histogram_width, (i + 1) * histogram_width) tokens.
  int32_t histogram_width = 8;
  std::vector<int64_t> token_histogram;
  double tokenize_ms_per_text = 0;  ///< on all threads

  bool in_windows() const { return long_texts && long_texts->mode == LongTextOptions::Mode::kWindow; }
  /// What lengths are of, in words: "text" or "window".
  std::string_view unit() const { return in_windows() ? "window" : "text"; }
  double tokens_per_text() const {
    return texts > 0 ? mean_tokens * static_cast<double>(sequences) / static_cast<double>(texts) : 0;
  }
};

struct CheckpointSummary {
  std::string model_dir;
  CheckpointOptions options{};
  std::string hash;
  std::string architecture;
  std::string dtype;
  int64_t parameters = 0;
  bool random_weights = false;  ///< its labels mean nothing; every page that shows one says so
  std::vector<std::string> labels;
  std::string problem_type{};   ///< empty without a head; only in plan.json
  double mflops_per_token = 0;  ///< at the mean length
};

/// What a comparison of two configurations says.
enum class Lead {
  kFaster,      ///< one is faster
  kEqual,       ///< they are as fast as each other, or so nearly that it makes no difference
  kUnresolved,  ///< the run was too short or too disturbed to tell
};
std::string_view lead_name(Lead lead);  ///< "faster", "equal", "unresolved"

/// What the recommendation minimises.
enum class Objective {
  kThroughput,  ///< time per text over all configurations
  kLatency,     ///< time of one text alone (batch size 1)
};
std::string_view objective_name(Objective objective);  ///< "throughput", "latency"

/// What a configuration has to respect to be recommended.
struct Constraints {
  Objective objective = Objective::kThroughput;
  double max_latency_ms = 0;     ///< p99 of its backend at batch size 1; 0: no limit
  int64_t max_memory_bytes = 0;  ///< peak of its worker; 0: no limit
  double min_agreement = 0.995;  ///< of compute types other than fp32 with fp32
  double min_accuracy = 0;       ///< of the metric, where labels are known; 0: no limit
  /// With labels: what a compute type other than fp32 may lose of the metric; none without labels.
  std::optional<double> max_accuracy_loss{};
  double price_per_hour = 0;  ///< of the machine, in a currency of the user's; 0: cost is not stated
};

/// Exact lengths, as many sequences as a batch has: what a text of that length costs. On made-up batches of the
/// workload's own ids.
struct LengthResult {
  Configuration configuration;  ///< its batch size; the order means nothing here
  int32_t tokens = 1;           ///< of every sequence
  int32_t rounds = 0;
  Estimate ms_per_text;
  double tokens_per_second = 0;
  double roof_share = 0;
};

/// Text to labels through classify's own path, in the recommended configuration.
struct EndToEnd {
  double ms_per_text = 0;  ///< 0: not measured
  int64_t texts = 0;       ///< timed
};

/// Why something that could have been chosen was not, in words.
struct Rejection {
  std::string what;  ///< "onnxruntime fp32", "native fp32, batch size 64, sorted by length"
  std::string why;   ///< "takes 1.14 times as long (1.13 to 1.16)", "needs 3.1 GB, 2 GB were allowed"
};

struct Recommendation {
  bool valid = false;
  Configuration choice;
  std::string reason;  ///< in words: what, by how much, against what
  std::optional<Configuration> runner_up;
  Estimate lead;  ///< runner-up's ms per text over the choice's
  Lead outcome = Lead::kFaster;
  std::string objective = "throughput";
  double cost_per_million = 0;        ///< of a million texts; 0 where no price was given
  std::vector<Rejection> rejections;  ///< every other backend at its best, the runner-up's among them
};

/// One stage of native's forward pass, or all of them. Medians over rounds; of one batch.
struct StageFigures {
  std::string stage;      ///< "attention", "waiting", ...; "total"
  double ms = 0;          ///< of the whole machine: what one of two threads does counts half
  double flops = 0;       ///< floating-point operations that are done
  double bytes = 0;       ///< weights and activations, read and written, each once
  double roof_share = 0;  ///< time at the arithmetic roof of the stage's types over time; 0: no arithmetic, or no roof
};

/// Where the time of a forward pass goes.
struct StageProfile {
  Configuration configuration;
  int32_t rounds = 0;
  int32_t batches = 0;  ///< in each round, the same ones
  int64_t texts = 0;    ///< in those batches
  int64_t tokens = 0;
  std::vector<StageFigures> stages;  ///< add up to the total, but for the medians
  StageFigures total;
  double counted_flops = 0;  ///< of a batch, as every backend is measured; native avoids some of it
};

struct BenchResults {
  static constexpr int kSchemaVersion = 2;

  std::string paceline_version;
  std::string build_id;
  std::string command;               ///< as typed, so that it can be repeated
  std::string started_at;            ///< ISO 8601, UTC
  double seconds = 0;                ///< of this run and of those that it continues
  std::string protocol = "budget";   ///< or "article": everything, five rounds, saved as it goes
  int32_t continued = 0;             ///< times that the run was stopped and resumed
  bool dry_run = false;              ///< planned and predicted only
  double predicted_seconds = 0;      ///< of the whole measurement, from the probes
  bool named_type_rejected = false;  ///< the gate rejected a compute type that the user named
  bool interrupted = false;          ///< Ctrl-C: what is there is real, but not all of it
  bool unfinished = false;           ///< article: turns are missing that --resume would measure
  bool unchecked_for_room = false;   ///< the gate's own backends had no memory, threads or open files
  MachineRecord machine;
  Roof roof;
  MachineLoad load_before, load_after;
  CheckpointSummary checkpoint;
  WorkloadSummary workload;
  std::optional<LabelledSummary> labelled;  ///< none without labels
  std::vector<BackendResult> backends;
  std::vector<CellResult> cells;
  std::optional<Configuration> baseline;
  std::vector<LengthResult> length_sweep;  ///< by backend, batch size, tokens
  EndToEnd end_to_end;
  std::vector<StageProfile> profiles;  ///< of run_profile: by compute type, batch size
  Constraints constraints;
  Recommendation recommendation;
  std::vector<std::string> notes;  ///< what was dropped to keep the budget, what was noisy
};

}  // namespace paceline
