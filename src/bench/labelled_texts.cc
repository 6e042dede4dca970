#include "bench/labelled_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "paceline/error.h"
#include "statistics/random.h"
#include "words/counted.h"

namespace paceline {
namespace {

Metric metric_of(ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      return Metric::kAccuracy;
    case ProblemType::kMultiLabelClassification:
      return Metric::kMicroF1;
    case ProblemType::kRegression:
      break;
  }
  return Metric::kPearson;
}

/// A sample of bounded size of rows whose number is not known before (Vitter's algorithm R).
class Sample {
 public:
  explicit Sample(uint64_t seed) : random_(seed) {}

  void offer(int64_t row, Text text, Expected expected) {
    Item item{row, std::move(text), std::move(expected)};
    if (items_.size() < kMostLabelledTexts) {
      items_.push_back(std::move(item));
    } else if (const uint64_t place = random_.below(static_cast<uint64_t>(offered_) + 1); place < kMostLabelledTexts) {
      items_[place] = std::move(item);
    }
    ++offered_;
  }

  int64_t offered() const { return offered_; }

  void move_to(LabelledRows& rows) {
    std::ranges::sort(items_, {}, &Item::row);
    for (Item& item : items_) {
      rows.rows.push_back(item.row);
      rows.texts.push_back(std::move(item.text));
      rows.expected.push_back(std::move(item.expected));
    }
  }

 private:
  struct Item {
    int64_t row = 0;
    Text text;
    Expected expected;
  };
  Random random_;
  std::vector<Item> items_;
  int64_t offered_ = 0;
};

void add_notes(LabelledRows& rows, const std::string& source, std::string first_error) {
  const LabelledSummary& is = rows.summary;
  if (is.labels_are_numbers) {
    rows.notes.push_back(
        fmt::format("labels in {} are numbers, which are taken as the model numbers its labels", source));
  }
  if (is.rows_skipped == 0) return;
  if (first_error.ends_with('.')) first_error.pop_back();
  rows.notes.push_back(fmt::format("{} of {} rows of {} are not scored. The first: {}", is.rows_skipped,
                                   is.rows_skipped + is.texts_available, source, first_error));
}

}  // namespace

LabelledRows read_labelled_rows(const LabelledSource& source, const Checkpoint& checkpoint) {
  // As evaluate has it: of several labels an empty field is a text without any.
  const bool blank_too = checkpoint.problem_type() != ProblemType::kMultiLabelClassification;
  std::unique_ptr<RowReader> reader = refuse_unlabelled_rows(RowReader::open(source.file, source.rows), blank_too);
  if (source.refuse_empty) reader = refuse_empty_rows(std::move(reader));
  LabelledRows found;
  found.notes = reader->notes();
  found.summary = {.source = source.file == "-" ? "standard input" : source.file.filename().string(),
                   .label_column = source.rows.label_column,
                   .metric = metric_of(checkpoint.problem_type())};
  const LabelPlace place{source.rows.label_column, reader->format()};
  ExpectedLabels labels(checkpoint.labels(), checkpoint.problem_type());
  Sample sample(source.seed);
  std::string first_error;
  Row row;
  for (int64_t number = 1; reader->next(row); ++number) {
    if (row.error.empty()) {
      sample.offer(number, row.text, place.read(labels, row, number));
    } else if (found.summary.rows_skipped++ == 0) {
      first_error = row.error;
    }
  }
  if (!reader->damage().empty()) throw Error(ErrorCode::kCorruptData, reader->damage());
  if (sample.offered() == 0 && !source.rows.stop.stop_requested()) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] has no usable text, expected at least one with its label.{}{}", source.file.string(),
                            first_error.empty() ? "" : " The first error: ", first_error));
  }
  found.summary.texts_available = sample.offered();
  found.summary.labels_are_numbers = labels.form() == LabelForm::kNumbers;
  sample.move_to(found);
  add_notes(found, found.summary.source, first_error);
  return found;
}

LabelledTexts make_labelled_texts(LabelledRows rows, EncodedTexts encoded, int32_t max_length, AnswerScoring scoring) {
  LabelledTexts all{.summary = std::move(rows.summary),
                    .scoring = std::move(scoring),
                    .sequences = split_windows(std::move(encoded), max_length)};
  const std::vector<TextError>& errors = all.sequences.errors;
  if (!errors.empty() && errors.size() == rows.expected.size()) {
    throw Error(errors.front().code, fmt::format("[{}] none of its texts can be read. First error: {}",
                                                 all.summary.source, errors.front().message));
  }
  all.summary.rows_skipped += std::ssize(errors);
  all.summary.texts_available -= std::ssize(errors);
  std::vector<std::size_t> begins{0};
  for (std::size_t text = 0; text < rows.expected.size(); ++text) {
    const std::size_t end = all.sequences.begins[text + 1];
    if (end == all.sequences.begins[text]) continue;
    begins.push_back(end);
    all.expected.push_back(std::move(rows.expected[text]));
    all.rows.push_back(rows.rows[text]);
  }
  all.sequences.begins = std::move(begins);
  all.sequences.errors.clear();
  for (const Encoding& encoding : all.sequences.encodings) {
    all.lengths.push_back(static_cast<int32_t>(encoding.input_ids.size()));
  }
  return all;
}

LabelledPart part_of(const LabelledTexts& texts, std::span<const uint32_t> chosen) {
  LabelledPart part{.texts = {.summary = texts.summary, .scoring = texts.scoring, .sequences = {}}, .places = {}};
  part.texts.summary.texts = std::ssize(chosen);
  Sequences& sequences = part.texts.sequences;
  sequences.begins.push_back(0);
  for (const uint32_t text : chosen) {
    for (std::size_t place = texts.sequences.begins[text]; place < texts.sequences.begins[text + 1]; ++place) {
      sequences.encodings.push_back(texts.sequences.encodings[place]);
      part.texts.lengths.push_back(texts.lengths[place]);
      part.places.push_back(static_cast<uint32_t>(place));
    }
    sequences.begins.push_back(sequences.encodings.size());
    part.texts.expected.push_back(texts.expected[text]);
    part.texts.rows.push_back(texts.rows[text]);
  }
  return part;
}

std::optional<CollectedAnswers> collect_answers(const LabelledTexts& texts, std::span<const float> logits) {
  if (texts.size() == 0 || logits.size() != texts.sequences.encodings.size() * texts.scoring.labels) {
    return std::nullopt;
  }
  const std::vector<Answer> answers = decide(texts.sequences, logits, texts.scoring.rules, texts.scoring.options);
  CollectedAnswers collected = no_answers(texts.scoring.labels);
  for (std::size_t text = 0; text < answers.size(); ++text) {
    if (!answers[text].error.empty()) return std::nullopt;
    add_answer(collected, texts.scoring.rules.problem_type, texts.rows[text], texts.expected[text], answers[text]);
  }
  // Nobody asks for average precision or calibration here, and the first takes long.
  collected.multi.scores.clear();
  collected.logits = {};
  return collected;
}

}  // namespace paceline
