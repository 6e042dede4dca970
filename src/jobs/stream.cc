#include "jobs/stream.h"

#include <fmt/format.h>

#include <functional>
#include <future>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/channel.h"
#include "jobs/row_chunk.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// Chunks in memory: one is read, one run, one written.
constexpr int kChunks = 3;

/// A chunk on its way, with what has become of its texts so far.
struct Work {
  RowChunk chunk;
  Sequences sequences;
  std::vector<float> logits;  ///< [sequences, K]
};

/// Hands rows and answers on, and counts them.
class Counter {
 public:
  Counter(const TextClassifier& classifier, const AnswerOptions& options, AnswerTaker& taker)
      : classifier_(classifier), options_(options), taker_(taker) {}

  void take(const Work& work);
  const ClassifySummary& summary() const { return summary_; }

 private:
  void take(const Row& row, const Answer& answer);
  void take_error(const Row& row, RowFault fault, std::string_view error) {
    if (summary_.errors++ == 0) summary_.first_error = error;
    taker_.take_error(row, fault, error);
  }

  const TextClassifier& classifier_;
  AnswerOptions options_;
  AnswerTaker& taker_;
  ClassifySummary summary_;
};

void Counter::take(const Row& row, const Answer& answer) {
  if (answer.refused()) return take_error(row, RowFault::kRefused, error_of_row(summary_.rows, answer.error));
  if (answer.error.empty()) {
    taker_.take(row, answer);
  } else {
    take_error(row, RowFault::kNotANumber, answer.error);
  }
  summary_.tokens += static_cast<uint64_t>(answer.tokens);
  if (answer.truncated > 0) ++summary_.truncated;
  if (answer.windows > 1) ++summary_.windowed;
}

void Counter::take(const Work& work) {
  const std::vector<Answer> answers = classifier_.decide(work.sequences, work.logits, options_);
  auto answer = answers.begin();
  for (const Row& row : work.chunk.rows()) {
    ++summary_.rows;
    if (row.error.empty()) {
      take(row, *answer++);
    } else {
      take_error(row, row.fault, row.error);
    }
  }
  taker_.end_chunk();
}

/// Writes each answer beside its row.
class AnswerWriter : public AnswerTaker {
 public:
  AnswerWriter(const RowWriter& writer, TextSink& sink) : writer_(writer), buffer_(sink) {
    writer.append_header(buffer_.text());
  }

  void check(const Row& row) override { writer_.check(row); }
  void take(const Row& row, const Answer& answer) override {
    writer_.append(row, answer, buffer_.text());
    buffer_.flush_if_full();
  }
  void take_error(const Row& row, RowFault, std::string_view error) override {
    writer_.append_error(row, error, buffer_.text());
    buffer_.flush_if_full();
  }
  void end_chunk() override { buffer_.flush(); }

 private:
  const RowWriter& writer_;
  SinkBuffer buffer_;
};

/// The stages and what stands between them. Chunks go round: read, run, written, and free to be read again.
class Stages {
 public:
  Stages(RowReader& reader, TextClassifier& classifier, const StreamOptions& options, AnswerTaker& taker)
      : reader_(reader),
        classifier_(classifier),
        options_(options),
        taker_(taker),
        counter_(classifier, options.answer, taker) {
    for (int i = 0; i < kChunks; ++i) free_.push({});
  }
  Stages(const Stages&) = delete;
  Stages& operator=(const Stages&) = delete;
  ~Stages() { end(); }

  ClassifySummary run(Progress& progress) {
    reading_ = start([this] { read(); });
    taking_ = start([this] { take(); });
    uint64_t rows = 0;
    while (std::optional<Work> work = encoded_.pop(running_.get_token())) {
      if (!answer(*work, rows, progress)) break;
      rows += work->chunk.rows().size();
      answered_.push(std::move(*work));
    }
    end();
    taking_.get();
    reading_.get();
    ClassifySummary summary = counter_.summary();
    summary.interrupted = stopped();
    return summary;
  }

 private:
  bool stopped() const { return options_.stop.stop_requested(); }

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

  /// No more is read, what was answered is taken.
  void end() {
    unwanted_.request_stop();
    options_.input.request_stop();
    answered_.close();
    if (reading_.valid()) reading_.wait();
    if (taking_.valid()) taking_.wait();
  }

  /// Nothing more is to be read or run.
  void stop_working() {
    running_.request_stop();
    unwanted_.request_stop();
    options_.input.request_stop();
  }

  void read() {
    try {
      while (std::optional<Work> work = free_.pop(unwanted_.get_token())) {
        if (!work->chunk.read(reader_, options_, [this](const Row& row) { taker_.check(row); })) break;
        work->sequences = classifier_.encode(work->chunk.texts());
        encoded_.push(std::move(*work));
      }
    } catch (...) {
      encoded_.close();
      throw;
    }
    encoded_.close();
  }

  /// False where a stop came before the end of the chunk.
  bool answer(Work& work, uint64_t rows_before, Progress& progress) {
    const std::vector<Encoding>& sequences = work.sequences.encodings;
    work.logits.resize(sequences.size() * classifier_.checkpoint().labels().size());
    const auto report = [&](std::size_t done) {
      const double share = static_cast<double>(done) / static_cast<double>(sequences.size());
      const double rows = share * static_cast<double>(work.chunk.texts().size());
      report_progress(progress, work.chunk.place(), share, rows_before + static_cast<uint64_t>(rows));
    };
    return classifier_.run(sequences, work.logits, {.stop = running_.get_token(), .done = report});
  }

  void take() {
    try {
      while (std::optional<Work> work = answered_.pop()) {
        counter_.take(*work);
        free_.push(std::move(*work));
      }
    } catch (...) {
      stop_working();
      throw;
    }
  }

  RowReader& reader_;
  TextClassifier& classifier_;
  StreamOptions options_;
  AnswerTaker& taker_;
  Counter counter_;            // of the taking thread, until that has ended
  std::stop_source running_;   // stopped where the caller asks for it, and where nothing can be taken
  std::stop_source unwanted_;  // stopped then, and where nothing more is to be read
  Channel<Work> free_;
  Channel<Work> encoded_;
  Channel<Work> answered_;
  std::future<void> reading_;
  std::future<void> taking_;
  std::stop_callback<std::function<void()>> on_stop_{options_.stop, [this] { stop_working(); }};
};

/// Whoever asked how long texts are read gets the count in every row.
TellsCut tells_cut(const RunOptions& run) {
  if (run.long_texts) return TellsCut::kAll;
  return run.counts_cut ? TellsCut::kWhereCut : TellsCut::kNone;
}

}  // namespace

RowWriterOptions writer_options(const RowReader& reader, const Checkpoint& checkpoint, const RunOptions& run,
                                int32_t top_k) {
  return {.format = reader.format(),
          .columns = reader.columns(),
          .delimiter = reader.delimiter(),
          .csv_style = reader.csv_style(),
          .labels = checkpoint.labels(),
          .top_k = top_k,
          .windows = in_windows(run.long_texts),
          .truncated = tells_cut(run)};
}

ClassifySummary answer_stream(RowReader& reader, TextClassifier& classifier, const StreamOptions& options,
                              AnswerTaker& taker, Progress& progress) {
  const ClassifySummary summary = Stages(reader, classifier, options, taker).run(progress);
  progress.finish();
  return summary;
}

ClassifySummary classify_stream(RowReader& reader, const RowWriter& writer, TextClassifier& classifier,
                                const StreamOptions& options, TextSink& sink, Progress& progress) {
  AnswerWriter taker(writer, sink);
  const ClassifySummary summary = answer_stream(reader, classifier, options, taker, progress);
  taker.end_chunk();  // the header of an input without rows
  return summary;
}

}  // namespace paceline
