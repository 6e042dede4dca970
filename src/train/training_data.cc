#include "train/training_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/file_stamp.h"
#include "base/hash.h"
#include "base/paths.h"
#include "evaluate/answer_collector.h"
#include "jobs/row_chunk.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// Labels that a note lists.
constexpr std::size_t kListedLabels = 5;

std::unique_ptr<RowReader> open(const LabelledFile& file, std::stop_token stop) {
  check_rereadable(file.path);
  RowReaderOptions rows = file.rows;
  rows.stop = std::move(stop);
  return RowReader::open(file.path, rows);
}

/// Of a million texts, two that are different share one in one case of 10^7.
uint64_t hash_of(const Text& text) {
  Hasher hasher;
  hasher.update(text.first);
  if (text.second) {
    hasher.update(std::string_view("\0", 1));
    hasher.update(*text.second);
  }
  const std::string digits = hasher.hex();
  uint64_t hash = 0;
  std::from_chars(digits.data(), digits.data() + 16, hash, 16);
  return hash;
}

bool is_empty(const Text& text) { return text.first.empty() && (!text.second || text.second->empty()); }

}  // namespace

void check_rereadable(const std::filesystem::path& file) {
  if (file != "-" && path_kind(file) != PathKind::kOther) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[finetune] {} can be read only once, and a training reads its files several times. Save the "
                          "texts in a file and give that.",
                          file == "-" ? "standard input (-)" : file.string()));
}

std::optional<LabelScheme> scan_labels(const LabelledFile& file, std::optional<ProblemType> wanted,
                                       const std::stop_token& stop) {
  const auto reader = open(file, stop);
  LabelScan scan(wanted);
  Row row;
  while (reader->next(row)) {
    if (row.error.empty() && !is_empty(row.text)) scan.add(row, reader->format());
  }
  if (stop.stop_requested()) return std::nullopt;
  return scan.finish(file.path);
}

/// One file on its way into a store.
class TrainingData::Split {
 public:
  Split(TrainingData& data, const LabelledFile& file, const TokenizingPlan& plan)
      : data_(data),
        file_(file),
        plan_(plan),
        writer_(plan.place, {.token_types = plan.tokenizer.hands_out_types(),
                             .teacher_types = plan.teacher != nullptr && plan.teacher->reads_types(),
                             .value = data.scheme_.type == ProblemType::kRegression}),
        tally_(data.scheme_.type, static_cast<int32_t>(data.scheme_.labels.size())) {
    texts_.summary.source = file.path.filename().string();
    if (data.scheme_.type != ProblemType::kRegression) {
      texts_.summary.label_texts.resize(data.scheme_.labels.size());
    }
  }

  std::optional<TokenizedTexts> read(Progress& progress) {
    texts_.summary.hash = hash_file(file_.path);
    const auto reader =
        refuse_unlabelled_rows(open(file_, plan_.stop), data_.scheme_.type != ProblemType::kMultiLabelClassification);
    RowChunk chunk;
    StreamOptions options;
    while (!plan_.stop.stop_requested() &&
           chunk.read(*reader, options, [&](const Row& row) { look_at(row, reader->format()); })) {
      add(chunk);
      report_progress(progress, chunk.place(), 1, static_cast<uint64_t>(texts_.summary.texts));
    }
    progress.finish();
    if (plan_.stop.stop_requested()) return std::nullopt;
    if (!reader->damage().empty()) throw Error(ErrorCode::kCorruptData, reader->damage());
    return finish();
  }

 private:
  /// What has to be known of a row before its text is moved away.
  void look_at(const Row& row, RowFormat format) {
    ++rows_;
    if (!row.error.empty()) return;
    Waiting waiting{.number = rows_};
    waiting.is_empty = is_empty(row.text);
    if (!waiting.is_empty) {
      waiting.expected = data_.expected_of(file_, row, format, rows_);
      const uint64_t hash = hash_of(row.text);
      if (data_.first_) {
        data_.seen_.insert(hash);
      } else {
        waiting.overlaps = data_.seen_.contains(hash);
      }
    }
    waiting_.push_back(std::move(waiting));
  }

  void add(const RowChunk& chunk) {
    const EncodedTexts encoded = plan_.tokenizer.encode_all(chunk.texts(), plan_.pool);
    EncodedTexts teachers;
    if (plan_.teacher != nullptr) teachers = plan_.teacher->encode_all(chunk.texts(), plan_.pool);
    auto error = encoded.errors.begin();
    for (const Row& row : chunk.rows()) {
      if (!row.error.empty()) skip(row.error);
    }
    for (std::size_t i = 0; i < encoded.encodings.size(); ++i) {
      if (error != encoded.errors.end() && error->text == i) {
        skip(error_of_row(static_cast<uint64_t>(waiting_[i].number), (error++)->message));
      } else if (waiting_[i].is_empty || encoded.encodings[i].input_ids.empty()) {
        ++texts_.summary.empty_texts;
      } else {
        Encoding teachers_encoding;
        if (plan_.teacher != nullptr) {
          teachers_encoding = std::move(teachers.encodings[i]);
          plan_.teacher->check(chunk.texts()[i], encoded.encodings[i], teachers_encoding,
                               fmt::format("{}: row {}", file_.path.string(), waiting_[i].number));
        }
        add(encoded.encodings[i], teachers_encoding.token_type_ids, waiting_[i]);
      }
    }
    waiting_.clear();
  }

  struct Waiting {
    int64_t number = 0;
    bool is_empty = false;
    bool overlaps = false;
    Expected expected{};
  };

  void add(const Encoding& encoding, std::span<const int32_t> teacher_types, const Waiting& is) {
    TrainingSplit& summary = texts_.summary;
    const auto tokens = static_cast<int64_t>(encoding.input_ids.size());
    writer_.add(encoding, teacher_types, is.expected);
    tally_.add(tokens, is.expected);
    ++summary.texts;
    summary.tokens += tokens;
    summary.longest = std::max(summary.longest, tokens);
    summary.truncated += encoding.truncated > 0 ? 1 : 0;
    texts_.overlap += is.overlaps ? 1 : 0;
    for (const int32_t label : is.expected.labels) ++summary.label_texts[static_cast<std::size_t>(label)];
  }

  void skip(std::string_view error) {
    if (texts_.summary.rows_skipped++ == 0) texts_.first_error = error;
  }

  TokenizedTexts finish() {
    if (texts_.summary.texts == 0) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] it has no text with a label, expected at least one.{}{}", file_.path.string(),
                              texts_.first_error.empty() ? "" : " The first error: ", texts_.first_error));
    }
    texts_.length_relation = tally_.finish(data_.scheme_.labels);
    texts_.store.emplace(writer_.finish());
    return std::move(texts_);
  }

  TrainingData& data_;
  const LabelledFile& file_;
  const TokenizingPlan& plan_;
  TokenStoreWriter writer_;
  LengthTally tally_;
  TokenizedTexts texts_;
  std::vector<Waiting> waiting_{};  ///< of the chunk, one for each of its texts
  int64_t rows_ = 0;
};

TrainingData::TrainingData(LabelScheme scheme, std::filesystem::path labels_from)
    : scheme_(std::move(scheme)), labels_from_(std::move(labels_from)), labels_(scheme_.labels, scheme_.type) {}

std::optional<TokenizedTexts> TrainingData::read(const LabelledFile& file, const TokenizingPlan& plan,
                                                 Progress& progress) {
  std::optional<TokenizedTexts> texts = Split(*this, file, plan).read(progress);
  first_ = false;
  return texts;
}

Expected TrainingData::expected_of(const LabelledFile& file, const Row& row, RowFormat format, int64_t number) {
  const Expected expected = read_label(file, row, format, number);
  if (std::fabs(expected.value) <= kLargestValue) return expected;
  throw Error(
      ErrorCode::kCorruptData,
      fmt::format("[{}: row {}, \"{}\"] the label is {:g}, expected a number from {:g} to {:g}: the squared error "
                  "of larger ones is infinite in fp32. Scale the labels, or take their logarithms.",
                  file.path.string(), number, excerpt(file.rows.label_column), expected.value, -kLargestValue,
                  kLargestValue));
}

Expected TrainingData::read_label(const LabelledFile& file, const Row& row, RowFormat format, int64_t number) {
  try {
    return LabelPlace{file.rows.label_column, format}.read(labels_, row, number);
  } catch (const Error& error) {
    const std::string hint =
        labels_from_.empty()        ? " --new-head learns a head of the files' labels in place of the model's."
        : labels_from_ != file.path ? fmt::format(" The labels are those of {}.", labels_from_.string())
                                    : "";
    throw Error(error.code(),
                fmt::format("[{}: {}{}", file.path.string(), std::string_view(error.what()).substr(1), hint));
  }
}

namespace {

void note_left_out(const TokenizedTexts& texts, std::vector<std::string>& notes) {
  const TrainingSplit& is = texts.summary;
  if (is.rows_skipped > 0) {
    notes.push_back(fmt::format("{}: {} could not be read and {} left out. The first: {}", is.source,
                                counted(is.rows_skipped, "row"), is.rows_skipped == 1 ? "is" : "are",
                                texts.first_error));
  }
  if (is.empty_texts > 0) {
    notes.push_back(fmt::format("{}: {} {} empty and left out.", is.source, counted(is.empty_texts, "text"),
                                is.empty_texts == 1 ? "is" : "are"));
  }
  if (is.truncated > 0) {
    notes.push_back(fmt::format("{0}: {1} {2} longer than the model reads and {2} cut.", is.source,
                                counted(is.truncated, "text"), is.truncated == 1 ? "is" : "are"));
  }
}

/// "a", "b" and 3 more, of those with so many texts; empty where there is none.
std::string labels_with(int64_t texts, const TrainingSplit& split, const LabelScheme& scheme, int64_t& count) {
  std::string names;
  count = 0;
  for (std::size_t k = 0; k < split.label_texts.size(); ++k) {
    if (split.label_texts[k] != texts) continue;
    if (static_cast<std::size_t>(count++) < kListedLabels) {
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", excerpt(scheme.labels[k]));
    }
  }
  const auto listed = static_cast<int64_t>(kListedLabels);
  return count > listed ? fmt::format("{} and {} more", names, count - listed) : names;
}

}  // namespace

std::vector<std::string> data_notes(const TokenizedTexts& train, const TokenizedTexts& eval,
                                    const LabelScheme& scheme) {
  std::vector<std::string> notes;
  note_left_out(train, notes);
  note_left_out(eval, notes);
  int64_t count = 0;
  if (const std::string names = labels_with(1, train.summary, scheme, count); count > 0) {
    notes.push_back(fmt::format("{}: only one text has the label {}: hardly anything can be learnt of {}.",
                                train.summary.source, names, count == 1 ? "it" : "them"));
  }
  if (const std::string names = labels_with(0, train.summary, scheme, count); count > 0) {
    notes.push_back(fmt::format("{}: no text has the label {}: the model will hardly ever give {}.",
                                train.summary.source, names, count == 1 ? "it" : "them"));
  }
  if (const std::string names = labels_with(0, eval.summary, scheme, count); count > 0) {
    notes.push_back(fmt::format("{}: no text has the label {}: nothing is said of {}.", eval.summary.source, names,
                                count == 1 ? "it" : "them"));
  }
  if (train.overlap > 0) {
    const bool one = train.overlap == 1;
    notes.push_back(
        fmt::format("{} of the texts of {} ({}) {} in {}, too: its figures are too good by {}.",
                    format_count(train.overlap), train.summary.source,
                    format_percent(static_cast<double>(train.overlap) / static_cast<double>(train.summary.texts)),
                    one ? "stands" : "stand", eval.summary.source, one ? "it" : "them"));
  }
  return notes;
}

}  // namespace paceline
