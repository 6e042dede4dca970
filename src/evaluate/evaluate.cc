#include "evaluate/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <system_error>
#include <utility>

#include "base/cache_folder.h"
#include "base/clock.h"
#include "evaluate/answer_collector.h"
#include "evaluate/scoring.h"
#include "jobs/stream.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "results/checkpoint_summary.h"
#include "words/counted.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Whether what is read from there can be read once more: not so of pipes.
bool is_read_again(const std::filesystem::path& data) {
  std::error_code ignored;
  return data != "-" && std::filesystem::is_regular_file(data, ignored);
}

/// One model's answers to all texts.
struct ModelRun {
  EvaluatedModel model;
  ProblemType type = ProblemType::kSingleLabelClassification;
  CollectedAnswers answers{};
  LabelledData data{};
};

EvaluatedModel describe(const Deployment& deployment, const Checkpoint& checkpoint) {
  const BackendOptions& backend = deployment.run.backend;
  const std::filesystem::path cache_dir = backend.cache_dir.empty() ? default_cache_dir() : backend.cache_dir;
  EvaluatedModel model{.checkpoint = summarize(checkpoint, checkpoint.hash(cache_dir)),
                       .plan = deployment.plan_file.string(),
                       .backend = backend.name,
                       .compute_type = backend.compute_type,
                       .device = backend.device,
                       .labels = deployment.labels,
                       .long_texts = deployment.run.long_texts.value_or(LongTextOptions{})};
  if (checkpoint.problem_type() == ProblemType::kMultiLabelClassification && !model.labels.has_threshold()) {
    model.labels.threshold = kDefaultThreshold;
  }
  return model;
}

/// How the data say what is expected.
std::string labels_are(const ExpectedLabels& labels, ProblemType type) {
  if (type == ProblemType::kRegression) return LabelledData::kValues;
  if (labels.form()) return *labels.form() == LabelForm::kNames ? LabelledData::kNames : LabelledData::kNumbers;
  return labels.said_yes_or_no() ? LabelledData::kYesOrNo : "";
}

LabelledData describe_data(const EvaluateOptions& options, const ClassifySummary& summary,
                           const AnswerCollector& collector, ProblemType type) {
  return {.source = options.data == "-" ? "standard input" : options.data.filename().string(),
          .label_column = options.rows.label_column,
          .labels_are = labels_are(collector.expected_labels(), type),
          .texts = static_cast<int64_t>(summary.rows - summary.errors),
          .skipped = collector.skipped(),
          .empty_texts = collector.empty_texts(),
          .truncated_texts = static_cast<int64_t>(summary.truncated),
          .windowed_texts = static_cast<int64_t>(summary.windowed)};
}

class Run {
 public:
  Run(const EvaluateOptions& options, Progress& progress) : options_(options), progress_(progress) {}

  /// Of a file that can be read again: every label, before a model is loaded.
  void check_labels(const Checkpoint& checkpoint) const {
    if (!is_read_again(options_.data)) return;
    const auto reader = open(checkpoint.problem_type());
    for (const std::string& note : reader->notes()) notice(note + ".");
    const LabelPlace place{options_.rows.label_column, reader->format()};
    ExpectedLabels labels(checkpoint.labels(), checkpoint.problem_type());
    Row row;
    int64_t texts = 0;
    std::string first_error;
    for (int64_t number = 1; reader->next(row) && !options_.stop.stop_requested(); ++number) {
      if (!row.error.empty()) {
        if (first_error.empty()) first_error = row.error;
        continue;
      }
      place.read(labels, row, number);
      ++texts;
    }
    if (texts == 0 && !options_.stop.stop_requested()) throw_no_text(first_error);
  }

  std::optional<ModelRun> run(const Deployment& deployment, Checkpoint checkpoint) {
    ModelRun one{.model = describe(deployment, checkpoint), .type = checkpoint.problem_type()};
    StreamOptions stream{.answer = scored_answers(deployment.labels, checkpoint, "evaluate"), .stop = options_.stop};
    RunOptions how = deployment.run;
    how.counts_cut = true;
    auto reader = open(one.type);
    TextClassifier classifier(std::move(checkpoint), how);
    if (!classifier.tokenizer().adds_special_tokens()) reader = refuse_empty_rows(std::move(reader));
    AnswerCollector collector(classifier.checkpoint(), *reader, options_.rows, stream.answer.labels.weights);
    stream.chunk = static_cast<int32_t>(classifier.chunk_texts());
    const ClassifySummary summary = answer_stream(*reader, classifier, stream, collector, progress_);
    if (summary.interrupted) return std::nullopt;
    if (!reader->damage().empty()) throw Error(ErrorCode::kCorruptData, reader->damage());
    if (summary.rows == summary.errors) throw_no_text(summary.first_error);
    one.answers = collector.finish();
    one.data = describe_data(options_, summary, collector, one.type);
    return one;
  }

 private:
  /// Of several labels an empty field is a text without any.
  std::unique_ptr<RowReader> open(ProblemType type) const {
    RowReaderOptions rows = options_.rows;
    rows.stop = options_.stop;
    return refuse_unlabelled_rows(RowReader::open(options_.data, rows), type != ProblemType::kMultiLabelClassification);
  }
  void notice(const std::string& text) const {
    if (options_.notice) options_.notice(text);
  }
  [[noreturn]] void throw_no_text(const std::string& first_error) const {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] no text was answered, expected at least one with its label.{}{}",
                            options_.data.string(), first_error.empty() ? "" : " The first error: ", first_error));
  }

  const EvaluateOptions& options_;
  Progress& progress_;
};

/// The data are read once for each model.
void check_read_again(const EvaluateOptions& options) {
  if (is_read_again(options.data)) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[evaluate] --against reads the data twice, which {} does not allow. Save them in a file.",
                          options.data == "-" ? "standard input" : options.data.string()));
}

void check_same_labels(const Checkpoint& model, const Checkpoint& other) {
  if (model.problem_type() != other.problem_type()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[evaluate] the model is a {}, the one of --against a {}: expected the same.",
                            problem_type_name(model.problem_type()), problem_type_name(other.problem_type())));
  }
  if (model.labels() == other.labels() || model.problem_type() == ProblemType::kRegression) return;
  const auto words = [](const Checkpoint& one) {
    return excerpt(fmt::format("{}", fmt::join(one.labels(), ", ")), 200);
  };
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[evaluate] the model's labels are {}; those of the one of --against are {}. Expected the same "
                  "in the same order.",
                  words(model), words(other)));
}

/// What was run, before the clock and the other model.
Evaluation evaluation_of(const EvaluateOptions& options, const ModelRun& run) {
  return {.paceline_version = std::string(version()),
          .build_id = std::string(build_id()),
          .command = options.command,
          .model = run.model,
          .data = run.data,
          .scores = score(run.answers, run.type),
          .confusion = confusion_of(run.answers, run.type),
          .calibration = calibrate(run.answers, run.type),
          .wrong = run.answers.wrong};
}

}  // namespace

std::optional<Evaluation> evaluate(const Deployment& deployment, const std::optional<Deployment>& against,
                                   const EvaluateOptions& options, Progress& progress) {
  const std::string started_at = utc_now();
  const double start = monotonic_seconds();
  if (options.rows.label_column.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "[evaluate] no name was given for the column of the labels, expected one. Name it with --label-column.");
  }
  Checkpoint checkpoint = check_deployment(deployment);
  if (options.opened) options.opened(checkpoint);
  std::optional<Checkpoint> other;
  if (against) {
    check_read_again(options);
    other = check_deployment(*against);
    if (options.opened) options.opened(*other);
    check_same_labels(checkpoint, *other);
  }
  Run run(options, progress);
  run.check_labels(checkpoint);
  const std::optional<ModelRun> mine = run.run(deployment, std::move(checkpoint));
  if (!mine) return std::nullopt;
  Evaluation evaluation = evaluation_of(options, *mine);
  if (against) {
    const std::optional<ModelRun> others = run.run(*against, std::move(*other));
    if (!others) return std::nullopt;
    EvaluatedAgainst& is = evaluation.against.emplace();
    is.model = others->model;
    is.scores = score(others->answers, others->type);
    compare(others->answers, mine->answers, mine->type, is);
  }
  evaluation.started_at = started_at;
  evaluation.seconds = monotonic_seconds() - start;
  return evaluation;
}

}  // namespace paceline
