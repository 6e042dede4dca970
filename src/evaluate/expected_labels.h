#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace paceline {

/// What the data say of one text.
struct Expected {
  std::vector<int32_t> labels{};  ///< of a single label one; of several any number, rising
  double value = 0;               ///< of a regression
};

/// What the data call a label.
enum class LabelForm {
  kNames,   ///< as config.json does
  kNumbers  ///< 0 to K - 1
};

/// Turns what stands in the label column into labels of the model.
///
/// - One label: its name or its number (also "2.0", as tables with gaps are saved).
/// - Several: a JSON list of names or numbers, or names or numbers with | or ; or a comma between them, each once. A
///   list of K true and false, 0.0 and 1.0 or 0 and 1 says of each label whether the text has it; with two labels 0 and
///   1 may be either and are refused. An empty field or list is a text without any label.
/// - A regression: a number.
///
/// JSON's null says nothing of a text and is refused (rows/row_reader.h: refuse_unlabelled_rows passes over it). The
/// first label of the data decides whether they are names or numbers; what is a name and a number, is a name. A name
/// that several labels have is refused.
class ExpectedLabels {
 public:
  /// Throws Error{unsupported} for a regression with several outputs.
  ExpectedLabels(const std::vector<std::string>& labels, ProblemType type);

  /// A field of CSV. Throws Error{corrupt_data} that says what stands there and what was expected; the caller knows
  /// where.
  Expected of_field(std::string_view field);
  /// A value of JSON. Throws the same.
  Expected of_json(const Json& value);

  /// None before the first label, and of a regression.
  std::optional<LabelForm> form() const { return form_; }
  /// Whether a list said of each label whether the text has it.
  bool said_yes_or_no() const { return said_yes_or_no_; }

 private:
  Expected several(std::vector<int32_t> labels) const;
  Expected several_of_field(std::string_view field);
  Expected several_of_json(const Json& value);
  std::optional<Expected> indicators(const Json& list);
  int32_t label(std::string_view text);
  int32_t label_of_json(const Json& value);
  int32_t remember(LabelForm form, int32_t label, std::string_view text);
  void refuse_ambiguous(const std::string& name) const;
  [[noreturn]] void refuse(std::string_view text) const;
  [[noreturn]] void refuse_indicators(const Json& list) const;

  std::vector<std::string> labels_;
  std::unordered_map<std::string, int32_t> numbers_;
  ProblemType type_;
  std::unordered_set<std::string> twice_;  ///< names that several labels have
  std::optional<LabelForm> form_;
  bool said_yes_or_no_ = false;
};

}  // namespace paceline
