#include "train/label_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluate/label_text.h"
#include "network/labels.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"
#include "words/trimmed.h"

namespace paceline {
namespace {

/// Of fewer labels one text each may be all that there is.
constexpr int64_t kFewestToDoubt = 100;
/// Of labels to texts: then eight of nine labels at least have one text only.
constexpr double kDoubtfulShare = 0.9;

/// As messages and JSON spell it: a string without its quotes.
std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

void LabelScan::add(const Row& row, RowFormat format) {
  if (format == RowFormat::kCsv) {
    add_text(row.label);
    return;
  }
  const Json value = parse_json(row.label, "label");
  if (value.is_null()) return;
  if (value.is_array()) {
    add_list(value);
  } else if (value.is_string()) {
    add_text(value.get<std::string>());
  } else {
    add_text(value.dump());
  }
}

void LabelScan::add_text(std::string_view text) {
  const std::string_view label = trimmed(text);
  if (label.empty()) return;
  const bool several = wanted_ == ProblemType::kMultiLabelClassification;
  if (wanted_ != ProblemType::kSingleLabelClassification && label.front() == '[') {
    const Json list = Json::parse(label, nullptr, false);
    if (list.is_array()) return add_list(list);
  }
  const std::optional<char> separator = label_separator(label);
  if (separator && (several || (!wanted_ && separator == '|'))) return add_list(divided_labels(label));
  ++rows_;
  indicators_ = false;
  add_name(label);
}

void LabelScan::add_list(const Json& list) {
  any_list_ = true;
  if (list.empty()) {
    indicators_ = false;
    return;
  }
  ++rows_;
  if (indicator_size_ == 0) indicator_size_ = list.size();
  indicators_ = indicators_ && list.size() == indicator_size_ && list.size() > 1 &&
                std::all_of(list.begin(), list.end(), is_zero_or_one);
  for (const Json& part : list) add_name(text_of(part));
}

void LabelScan::add_name(std::string_view name) {
  const std::optional<double> number = label_number(name);
  ++given_;
  numbers_ = numbers_ && number.has_value();
  whole_numbers_ = whole_numbers_ && number && *number == std::floor(*number);
  if (static_cast<int64_t>(names_.size()) <= kMostLabels) names_.emplace(name);
}

ProblemType LabelScan::type() const {
  if (wanted_) return *wanted_;
  if (any_list_) return ProblemType::kMultiLabelClassification;
  return numbers_ && !whole_numbers_ ? ProblemType::kRegression : ProblemType::kSingleLabelClassification;
}

LabelScheme LabelScan::finish(const std::filesystem::path& file) const {
  if (rows_ == 0) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] no row has a text and a label, expected some to learn from.", file.string()));
  }
  LabelScheme scheme{.type = type()};
  if (scheme.type == ProblemType::kRegression) {
    scheme.labels = {"LABEL_0"};
    if (!wanted_) scheme.reason = "its labels are numbers, not all of them whole";
    return scheme;
  }
  const bool several = scheme.type == ProblemType::kMultiLabelClassification;
  if (several && !wanted_) scheme.reason = "its labels are lists, or have | in them";
  if (!several && numbers_ && !wanted_) {
    scheme.reason = "its labels are whole numbers, taken as names; --problem-type regression takes them as values";
  }
  if (several && indicators_) {
    for (std::size_t i = 0; i < indicator_size_; ++i) scheme.labels.push_back(fmt::format("LABEL_{}", i));
    return scheme;
  }
  scheme.labels.assign(names_.begin(), names_.end());
  if (numbers_)
    std::ranges::stable_sort(scheme.labels, {}, [](const std::string& name) { return *label_number(name); });
  if (static_cast<int64_t>(scheme.labels.size()) > kMostLabels) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] it has more than {} labels. Is it the right --label-column?",
                                                     file.string(), kMostLabels));
  }
  if (!several && scheme.labels.size() < 2) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] every text has the label \"{}\", expected at least two to tell apart.", file.string(),
                            excerpt(scheme.labels.front())));
  }
  doubt_column(file, scheme);
  return scheme;
}

/// A column of ids or of titles was named by mistake: no label comes back.
void LabelScan::doubt_column(const std::filesystem::path& file, LabelScheme& scheme) const {
  const auto labels = static_cast<int64_t>(scheme.labels.size());
  if (labels < kFewestToDoubt || static_cast<double>(labels) < kDoubtfulShare * static_cast<double>(given_)) return;
  const std::string_view values = numbers_ && scheme.type == ProblemType::kSingleLabelClassification
                                      ? " --problem-type regression takes the numbers as values."
                                      : "";
  if (labels == given_ && !wanted_) {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] each of its {} labels has one text only, expected several texts to learn a label from. "
                    "Is it the right --label-column?{} --problem-type {} learns them all the same.",
                    file.string(), format_count(labels), values, problem_type_name(scheme.type)));
  }
  scheme.doubt = fmt::format("{}: {} of its {} labels have one text only ({}). Is it the right --label-column?{}",
                             file.filename().string(), labels == given_ ? "all" : "nearly all", format_count(labels),
                             counted(rows_, "text"), values);
}

}  // namespace paceline
