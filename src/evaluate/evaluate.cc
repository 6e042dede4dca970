#include "evaluate/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <system_error>
#include <utility>

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

constexpr float kDefaultThreshold = 0.5F;

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
  ClassifySummary summary{};
  std::optional<LabelForm> form{};
};

AnswerOptions answer_options(const Deployment& deployment, const Checkpoint& checkpoint) {
  const ProblemType type = checkpoint.problem_type();
  LabelRules rules = resolve_labels(deployment.labels, checkpoint.labels(), type, "evaluate");
  const bool several = type == ProblemType::kMultiLabelClassification;
  if (several && rules.thresholds.empty()) rules.thresholds.assign(checkpoint.labels().size(), kDefaultThreshold);
  return {.labels = std::move(rules), .top_k = several || type == ProblemType::kRegression ? 0 : 1};
}

EvaluatedModel describe(const Deployment& deployment, const Checkpoint& checkpoint) {
  const BackendOptions& backend = deployment.run.backend;
  return {.checkpoint = summarize(checkpoint, checkpoint.hash(backend.cache_dir)),
          .plan = deployment.plan_file.string(),
          .backend = backend.name,
          .compute_type = backend.compute_type,
          .device = backend.device};
}

class Run {
 public:
  Run(const EvaluateOptions& options, Progress& progress) : options_(options), progress_(progress) {}

  /// Of a file that can be read again: every label, before a model is loaded.
  void check_labels(const Checkpoint& checkpoint) const {
    if (!is_read_again(options_.data)) return;
    const auto reader = open();
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
    StreamOptions stream{.answer = answer_options(deployment, checkpoint), .stop = options_.stop};
    RunOptions how = deployment.run;
    how.counts_cut = true;
    auto reader = open();
    TextClassifier classifier(std::move(checkpoint), how);
    if (!classifier.tokenizer().adds_special_tokens()) reader = refuse_empty_rows(std::move(reader));
    AnswerCollector collector(classifier.checkpoint(), {options_.rows.label_column, reader->format()}, *reader,
                              options_.rows.text_column.value_or(kDefaultTextColumn));
    stream.chunk = static_cast<int32_t>(classifier.chunk_texts());
    one.summary = answer_stream(*reader, classifier, stream, collector, progress_);
    if (one.summary.interrupted) return std::nullopt;
    if (!reader->damage().empty()) throw Error(ErrorCode::kCorruptData, reader->damage());
    if (one.summary.rows == one.summary.errors) throw_no_text(one.summary.first_error);
    one.answers = collector.finish();
    one.form = collector.form();
    return one;
  }

 private:
  std::unique_ptr<RowReader> open() const {
    RowReaderOptions rows = options_.rows;
    rows.stop = options_.stop;
    return RowReader::open(options_.data, rows);
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

LabelledData describe_data(const EvaluateOptions& options, const ModelRun& run) {
  return {.source = options.data == "-" ? "standard input" : options.data.filename().string(),
          .label_column = options.rows.label_column,
          .labels_are_numbers = run.form == LabelForm::kNumbers,
          .texts = static_cast<int64_t>(run.summary.rows - run.summary.errors),
          .rows_skipped = static_cast<int64_t>(run.summary.errors),
          .truncated_texts = static_cast<int64_t>(run.summary.truncated),
          .windowed_texts = static_cast<int64_t>(run.summary.windowed)};
}

/// What was run, before the clock and the other model.
Evaluation evaluation_of(const EvaluateOptions& options, const ModelRun& run) {
  return {.paceline_version = std::string(version()),
          .build_id = std::string(build_id()),
          .command = options.command,
          .model = run.model,
          .data = describe_data(options, run),
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
