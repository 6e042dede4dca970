#include "jobs/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/channel.h"
#include "jobs/row_window.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// Windows in memory: one is read, one run, one written.
constexpr int kWindows = 3;

/// A window on its way, with what has become of its texts so far.
struct Work {
  RowWindow window;
  Sequences sequences;
  std::vector<float> logits;  ///< [sequences, K]
};

/// Writes rows and counts them.
class AnswerWriter {
 public:
  AnswerWriter(const RowWriter& writer, const TextPipeline& pipeline, const StreamOptions& options, TextSink& sink)
      : writer_(writer),
        checkpoint_(pipeline.checkpoint()),
        long_texts_(pipeline.options().long_texts.value_or(LongTextOptions{})),
        top_k_(options.all_labels ? 0 : options.top_k),
        rules_(options.rules),
        buffer_(sink) {
    writer.append_header(buffer_.text());
  }

  void write(const Work& work);
  void flush() { buffer_.flush(); }
  const ClassifySummary& summary() const { return summary_; }

 private:
  void write_error(const Row& row, std::string_view error) {
    ++summary_.errors;
    writer_.append_error(row, error, buffer_.text());
  }
  /// Of one text.
  void count(std::span<const Encoding> windows);
  /// `answer` without its predictions.
  void write_answer(const Row& row, Answer answer);

  const RowWriter& writer_;
  const Checkpoint& checkpoint_;
  LongTextOptions long_texts_;
  int32_t top_k_;
  LabelRules rules_;
  SinkBuffer buffer_;
  ClassifySummary summary_;
};

/// NaN and infinity are no answers.
void AnswerWriter::write_answer(const Row& row, Answer answer) {
  const std::span<const float> logits = answer.logits;
  if (!std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); })) {
    write_error(row, "the model's output for this text is not a number.");
    return;
  }
  const std::vector<Prediction> predictions = predict(logits, checkpoint_.problem_type(), top_k_, rules_);
  answer.predictions = predictions;
  writer_.append(row, answer, buffer_.text());
}

void AnswerWriter::write(const Work& work) {
  const std::size_t columns = checkpoint_.labels().size();
  const std::vector<std::size_t>& begins = work.sequences.begins;
  std::vector<float> combined;
  if (!work.sequences.one_each()) {
    combined = combine_windows(work.logits, begins, checkpoint_.problem_type(), long_texts_);
  }
  const std::span<const float> logits = work.sequences.one_each() ? work.logits : combined;
  std::size_t text = 0;
  auto error = work.sequences.errors.begin();
  for (const Row& row : work.window.rows()) {
    ++summary_.rows;
    if (!row.error.empty()) {
      write_error(row, row.error);
    } else if (error != work.sequences.errors.end() && error->text == text) {
      write_error(row, error_of_row(summary_.rows, (error++)->message));
      ++text;
    } else {
      const std::size_t begin = begins[text];
      const std::span<const Encoding> own =
          std::span(work.sequences.encodings).subspan(begin, begins[text + 1] - begin);
      write_answer(row, {.predictions = {},
                         .logits = logits.subspan(text * columns, columns),
                         .truncated = own.front().truncated,
                         .windows = static_cast<int32_t>(own.size())});
      count(own);
      ++text;
    }
    buffer_.flush_if_full();
  }
  buffer_.flush();
}

void AnswerWriter::count(std::span<const Encoding> windows) {
  for (const Encoding& window : windows) summary_.tokens += window.input_ids.size();
  if (windows.front().truncated > 0) ++summary_.truncated;
  if (windows.size() > 1) ++summary_.windowed;
}

/// The stages and what stands between them. Windows go round: read, run, written, and free to be read again.
class Stages {
 public:
  Stages(RowReader& reader, const RowWriter& writer, TextPipeline& pipeline, const StreamOptions& options,
         TextSink& sink)
      : reader_(reader),
        writer_(writer),
        pipeline_(pipeline),
        options_(options),
        output_(writer, pipeline, options, sink) {
    for (int i = 0; i < kWindows; ++i) free_.push({});
  }
  Stages(const Stages&) = delete;
  Stages& operator=(const Stages&) = delete;
  ~Stages() { end(); }

  ClassifySummary run(Progress& progress) {
    reading_ = start([this] { read(); });
    writing_ = start([this] { write(); });
    uint64_t rows = 0;
    while (std::optional<Work> work = encoded_.pop([this] { return !unwritable_ && !stopped(); })) {
      if (!answer(*work, rows, progress)) break;
      rows += work->window.rows().size();
      answered_.push(std::move(*work));
    }
    end();
    writing_.get();
    reading_.get();
    ClassifySummary summary = output_.summary();
    summary.interrupted = stopped();
    return summary;
  }

 private:
  bool stopped() const { return options_.stop != nullptr && *options_.stop; }

  template <class Stage>
  static std::future<void> start(Stage stage) {
    try {
      return std::async(std::launch::async, stage);
    } catch (const std::system_error& error) {
      throw Error(ErrorCode::kResourceExhausted,
                  fmt::format("[classify] the system starts no further thread ({}). Use fewer --threads.",
                              error.code().message()));
    }
  }

  /// No more is read, what was answered is written.
  void end() {
    unwanted_ = true;
    options_.input.request_stop();
    answered_.close();
    if (reading_.valid()) reading_.wait();
    if (writing_.valid()) writing_.wait();
  }

  void read() {
    try {
      while (std::optional<Work> work = free_.pop([this] { return !unwanted_ && !stopped(); })) {
        if (!work->window.read(reader_, options_, [this](const Row& row) { writer_.check(row); })) break;
        work->sequences = pipeline_.encode(work->window.texts());
        encoded_.push(std::move(*work));
      }
    } catch (...) {
      encoded_.close();
      throw;
    }
    encoded_.close();
  }

  /// False where a stop came before the end of the window.
  bool answer(Work& work, uint64_t rows_before, Progress& progress) {
    const std::vector<Encoding>& encodings = work.sequences.encodings;
    work.logits.resize(encodings.size() * pipeline_.checkpoint().labels().size());
    return pipeline_.run(encodings, work.logits, [&](std::size_t done) {
      const double share = static_cast<double>(done) / static_cast<double>(encodings.size());
      const double rows = share * static_cast<double>(work.window.texts().size());
      report_progress(progress, work.window.place(), share, rows_before + static_cast<uint64_t>(rows));
      return !stopped();
    });
  }

  void write() {
    try {
      while (std::optional<Work> work = answered_.pop([] { return true; })) {
        output_.write(*work);
        free_.push(std::move(*work));
      }
      output_.flush();
    } catch (...) {
      unwritable_ = true;
      throw;
    }
  }

  RowReader& reader_;
  const RowWriter& writer_;
  TextPipeline& pipeline_;
  StreamOptions options_;
  AnswerWriter output_;  // of the writing thread, until that has ended
  std::atomic<bool> unwanted_{false};
  std::atomic<bool> unwritable_{false};
  Channel<Work> free_;
  Channel<Work> encoded_;
  Channel<Work> answered_;
  std::future<void> reading_;
  std::future<void> writing_;
};

}  // namespace

ClassifySummary classify_stream(RowReader& reader, const RowWriter& writer, TextPipeline& pipeline,
                                const StreamOptions& options, TextSink& sink, Progress& progress) {
  const ClassifySummary summary = Stages(reader, writer, pipeline, options, sink).run(progress);
  progress.finish();
  return summary;
}

}  // namespace paceline
