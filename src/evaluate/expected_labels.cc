#include "evaluate/expected_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluate/label_text.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/suggest.h"
#include "words/trimmed.h"

namespace paceline {
namespace {

/// Labels that a message lists.
constexpr std::size_t kListedLabels = 20;

[[noreturn]] void throw_label(const std::string& sentence) { throw Error(ErrorCode::kCorruptData, sentence); }

[[noreturn]] void throw_no_number(std::string_view text) {
  throw_label(fmt::format("the label is \"{}\", expected a number: the model is a regression.", excerpt(text)));
}

bool says_true(const Json& value) { return value.is_boolean() ? value.get<bool>() : value.get<double>() == 1; }

}  // namespace

ExpectedLabels::ExpectedLabels(const std::vector<std::string>& labels, ProblemType type)
    : labels_(labels), type_(type) {
  if (type == ProblemType::kRegression && labels.size() != 1) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[evaluate] the model is a regression with {} outputs, expected one.", labels.size()));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!numbers_.emplace(labels[i], static_cast<int32_t>(i)).second) twice_.insert(labels[i]);
  }
}

Expected ExpectedLabels::of_field(std::string_view field) {
  if (type_ == ProblemType::kMultiLabelClassification) return several_of_field(field);
  if (trimmed(field).empty()) throw_label("the text has no label: the field is empty.");
  if (type_ == ProblemType::kSingleLabelClassification) return {.labels = {label(field)}};
  const std::optional<double> value = label_number(trimmed(field));
  if (!value) throw_no_number(field);
  return {.value = *value};
}

Expected ExpectedLabels::of_json(const Json& value) {
  if (value.is_null()) throw_label("the text has no label: it is null.");
  if (type_ == ProblemType::kMultiLabelClassification) return several_of_json(value);
  if (type_ == ProblemType::kSingleLabelClassification) return {.labels = {label_of_json(value)}};
  if (value.is_string()) return of_field(value.get<std::string>());
  if (!value.is_number()) throw_no_number(value.dump());
  return {.value = value.get<double>()};
}

Expected ExpectedLabels::several(std::vector<int32_t> labels) const {
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return {.labels = std::move(labels)};
}

Expected ExpectedLabels::several_of_field(std::string_view field) {
  const std::string_view text = trimmed(field);
  if (text.empty()) return {};
  if (numbers_.contains(std::string(text))) return several({label(text)});
  if (text.front() == '[') return several_of_json(parse_json(text, "label"));
  return several_of_json(divided_labels(text));
}

Expected ExpectedLabels::several_of_json(const Json& value) {
  if (value.is_string()) return several_of_field(value.get<std::string>());
  if (!value.is_array()) return several({label_of_json(value)});
  if (const auto of_each = indicators(value)) return *of_each;
  std::vector<int32_t> labels;
  for (const Json& part : value) {
    if (part.is_boolean() || part.is_number_float()) refuse_indicators(value);
    labels.push_back(label_of_json(part));
    if (part.is_number() && std::ranges::count(labels, labels.back()) > 1) refuse_indicators(value);
  }
  return several(std::move(labels));
}

/// A list that says of each label whether the text has it; none where it is a list of labels.
std::optional<Expected> ExpectedLabels::indicators(const Json& list) {
  if (list.size() != labels_.size() || !std::all_of(list.begin(), list.end(), is_zero_or_one)) return std::nullopt;
  const bool integers = std::all_of(list.begin(), list.end(), [](const Json& one) { return one.is_number_integer(); });
  if (integers && list.size() == 1) return std::nullopt;
  if (integers && list.size() == 2 && list[0] != list[1]) {
    throw_label(
        fmt::format("the label is {}, which may be the labels 0 and 1 or say whether the text has each. "
                    "Write true and false, or names.",
                    list.dump()));
  }
  said_yes_or_no_ = true;
  Expected expected;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (says_true(list[i])) expected.labels.push_back(static_cast<int32_t>(i));
  }
  return expected;
}

int32_t ExpectedLabels::label(std::string_view text) {
  for (const std::string_view name : {text, trimmed(text)}) {
    if (const auto found = numbers_.find(std::string(name)); found != numbers_.end()) {
      refuse_ambiguous(found->first);
      return remember(LabelForm::kNames, found->second, text);
    }
  }
  const std::optional<double> number = label_number(trimmed(text));
  if (!number || *number != std::floor(*number) || *number < 0 || *number >= static_cast<double>(labels_.size())) {
    refuse(text);
  }
  return remember(LabelForm::kNumbers, static_cast<int32_t>(*number), text);
}

int32_t ExpectedLabels::label_of_json(const Json& value) {
  if (value.is_string()) return label(value.get<std::string>());
  if (!value.is_number() && !value.is_boolean()) {
    throw_label(fmt::format("the label is a JSON {}, expected a name or a number.", value.type_name()));
  }
  return label(value.dump());
}

int32_t ExpectedLabels::remember(LabelForm form, int32_t label, std::string_view text) {
  if (!form_) form_ = form;
  if (*form_ == form) return label;
  throw_label(fmt::format("the label is {} \"{}\", but those before are {}. Use one of the two.",
                          form == LabelForm::kNames ? "the name" : "the number", excerpt(text),
                          form == LabelForm::kNames ? "numbers" : "names"));
}

void ExpectedLabels::refuse_indicators(const Json& list) const {
  throw_label(
      fmt::format("the label is {}. A list that says of each label whether the text has it needs {}, one for each "
                  "label; a list of labels names each once.",
                  excerpt(list.dump()), counted(static_cast<int64_t>(labels_.size()), "item")));
}

void ExpectedLabels::refuse_ambiguous(const std::string& name) const {
  if (!twice_.contains(name)) return;
  throw_label(fmt::format(
      "the label is \"{}\", which config.json calls {} of its labels, so it does not say which. Give each a "
      "name of its own in id2label, or use numbers.",
      excerpt(name), std::ranges::count(labels_, name)));
}

void ExpectedLabels::refuse(std::string_view text) const {
  std::vector<std::string> known(
      labels_.begin(), labels_.begin() + static_cast<std::ptrdiff_t>(std::min(labels_.size(), kListedLabels)));
  for (std::string& label : known) label = excerpt(label);
  throw_label(fmt::format("the model has no label \"{}\". {} Their numbers are 0 to {}.", excerpt(text),
                          suggestion(text, known), labels_.size() - 1));
}

}  // namespace paceline
