#include "checkpoint/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "network/architecture.h"
#include "network/labels.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr ProblemType kProblemTypes[] = {ProblemType::kSingleLabelClassification,
                                         ProblemType::kMultiLabelClassification, ProblemType::kRegression};

/// The explicit problem_type, else what transformers infers: one output is a regression, several are single-label.
ProblemType read_problem_type(const Json& config, std::size_t outputs, std::string_view where) {
  const std::string name = json_string(config, "problem_type", where, "");
  if (name.empty()) {
    return outputs == 1 ? ProblemType::kRegression : ProblemType::kSingleLabelClassification;
  }
  std::vector<std::string> names;
  for (const ProblemType type : kProblemTypes) {
    if (problem_type_name(type) == name) {
      return type;
    }
    names.emplace_back(problem_type_name(type));
  }
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"problem_type\" is \"{}\", which does not exist. {}", where,
                                                   excerpt(name), suggestion(name, names)));
}

}  // namespace

std::string_view problem_type_name(ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabelClassification:
      return "single_label_classification";
    case ProblemType::kMultiLabelClassification:
      return "multi_label_classification";
    case ProblemType::kRegression:
      return "regression";
  }
  return "unknown";
}

ModelConfig read_model_config(const Json& config, const std::set<std::string>& tensor_names, std::string_view where) {
  ModelConfig read;
  read.network = describe_network(config, tensor_names, where);
  read.random_weights = json_bool(config, "paceline_random_weights", where, false);
  if (!read.network.head.empty()) {
    read.labels = read_labels(config, where);
    read.problem_type = read_problem_type(config, read.labels.size(), where);
  }
  return read;
}

int32_t limit_length(const Json& tokenizer_config, int32_t max_tokens, std::string_view where) {
  const double old_name = json_number(tokenizer_config, "max_len", where, 1, HUGE_VAL, HUGE_VAL);
  const double limit = json_number(tokenizer_config, "model_max_length", where, 1, HUGE_VAL, old_name);
  return static_cast<int32_t>(std::min<double>(std::floor(limit), max_tokens));
}

}  // namespace paceline
