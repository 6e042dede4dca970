#include "bench/end_to_end.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/progress.h"
#include "pipeline/text_classifier.h"
#include "rows/row_writer.h"

namespace paceline {
namespace {

constexpr std::size_t kWarmUpTexts = 8;
constexpr const char* kPairColumn = "pair";

/// Rows of texts that are in memory.
class TextRows : public RowReader {
 public:
  TextRows(std::span<const Text> texts, RowFormat format) : texts_(texts), format_(format) {
    if (format != RowFormat::kCsv) return;
    columns_.emplace_back(kDefaultTextColumn);
    if (!texts.empty() && texts.front().second) columns_.emplace_back(kPairColumn);
  }

  bool next(Row& row) override {
    if (next_ == texts_.size()) return false;
    row = {};
    row.text = texts_[next_++];
    if (format_ == RowFormat::kTxt) row.raw = row.text.first;
    if (format_ == RowFormat::kJsonl) row.raw = object_of(row.text);
    if (format_ == RowFormat::kCsv) {
      row.fields = {row.text.first};
      if (row.text.second) row.fields.push_back(*row.text.second);
    }
    return true;
  }

  RowFormat format() const override { return format_; }
  const std::vector<std::string>& columns() const override { return columns_; }
  uint64_t bytes_read() const override { return next_; }
  uint64_t bytes_total() const override { return texts_.size(); }

 private:
  static std::string object_of(const Text& text) {
    Json object{{kDefaultTextColumn, text.first}};
    if (text.second) object[kPairColumn] = *text.second;
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::span<const Text> texts_;
  RowFormat format_;
  std::vector<std::string> columns_;
  std::size_t next_ = 0;
};

}  // namespace

EndToEndRun run_end_to_end(const EndToEndRequest& request, std::span<const Text> texts, TextSink& sink) {
  RunOptions run = request.run;
  run.counts_cut = true;
  TextClassifier classifier(request.model_dir, run);
  const Checkpoint& checkpoint = classifier.checkpoint();
  StreamOptions stream;
  stream.answer.labels = resolve_labels(request.labels, checkpoint.labels(), checkpoint.problem_type());
  stream.answer.top_k = default_top_k(stream.answer.labels, checkpoint.problem_type());
  stream.chunk = static_cast<int32_t>(classifier.chunk_texts());
  TextRows rows(texts, request.format);
  const auto writer = RowWriter::make(writer_options(rows, checkpoint, classifier.options(), stream.answer.top_k));
  classifier.answer(texts.first(std::min(texts.size(), kWarmUpTexts)), stream.answer);
  const double start = monotonic_seconds();
  EndToEndRun is;
  is.summary = classify_stream(rows, *writer, classifier, stream, sink, *make_silent_progress());
  is.seconds = monotonic_seconds() - start;
  return is;
}

}  // namespace paceline
