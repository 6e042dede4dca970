#include "classify/stream.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "classify/row_window.h"

namespace paceline {
namespace {

/// What becomes of one window's texts.
struct Answers {
  std::vector<Encoding> encodings;
  std::vector<float> logits;  ///< [texts, K]
};

/// Writes rows and counts them.
class AnswerWriter {
 public:
  AnswerWriter(const RowWriter& writer, const Checkpoint& checkpoint, int32_t top_k, TextSink& sink)
      : writer_(writer), checkpoint_(checkpoint), top_k_(top_k), buffer_(sink) {
    writer.append_header(buffer_.text());
  }

  void write(const RowWindow& window, const Answers& answers);
  void flush() { buffer_.flush(); }
  ClassifySummary& summary() { return summary_; }

 private:
  void write_error(const Row& row, std::string_view error) {
    ++summary_.errors;
    writer_.append_error(row, error, buffer_.text());
  }
  void write_answer(const Row& row, std::span<const float> logits);

  const RowWriter& writer_;
  const Checkpoint& checkpoint_;
  int32_t top_k_;
  SinkBuffer buffer_;
  ClassifySummary summary_;
};

/// NaN and infinity are no answers.
void AnswerWriter::write_answer(const Row& row, std::span<const float> logits) {
  if (!std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); })) {
    write_error(row, "the model's output for this text is not a number.");
    return;
  }
  const std::vector<Prediction> predictions = predict(logits, checkpoint_.problem_type(), top_k_);
  writer_.append(row, {.predictions = predictions, .logits = logits}, buffer_.text());
}

void AnswerWriter::write(const RowWindow& window, const Answers& answers) {
  const std::size_t columns = checkpoint_.labels().size();
  std::size_t text = 0;
  for (const Row& row : window.rows()) {
    ++summary_.rows;
    if (!row.error.empty()) {
      write_error(row, row.error);
    } else {
      const Encoding& encoding = answers.encodings[text];
      summary_.tokens += encoding.input_ids.size();
      if (encoding.truncated > 0) ++summary_.truncated;
      write_answer(row, std::span(answers.logits).subspan(text * columns, columns));
      ++text;
    }
    buffer_.flush_if_full();
  }
  buffer_.flush();
}

}  // namespace

ClassifySummary classify_stream(RowReader& reader, const RowWriter& writer, TextPipeline& pipeline,
                                const StreamOptions& options, TextSink& sink, Progress& progress) {
  AnswerWriter output(writer, pipeline.checkpoint(), options.all_labels ? 0 : options.top_k, sink);
  ClassifySummary& summary = output.summary();
  const auto stopped = [&] { return options.stop != nullptr && *options.stop; };
  RowWindow window;
  Answers answers;
  uint64_t bytes_before = 0;
  while (!(summary.interrupted = stopped()) &&
         window.read(reader, options, [&](const Row& row) { writer.check(row); })) {
    answers.encodings = pipeline.encode(window.texts());
    answers.logits.resize(window.texts().size() * pipeline.checkpoint().labels().size());
    const bool ran = pipeline.run(answers.encodings, answers.logits, [&](std::size_t done) {
      const double share = static_cast<double>(done) / static_cast<double>(window.texts().size());
      report_progress(progress, reader, bytes_before, share, summary.rows + done);
      return !stopped();
    });
    if (!ran) {
      summary.interrupted = true;
      break;
    }
    output.write(window, answers);
    answers = {};  // before the next window is read, so that each finds the memory as the first did
    bytes_before = reader.bytes_read();
  }
  output.flush();
  progress.finish();
  return summary;
}

}  // namespace paceline
