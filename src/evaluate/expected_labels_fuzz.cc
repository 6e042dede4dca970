#include "evaluate/expected_labels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "paceline/error.h"
#include "words/split.h"

namespace paceline {
namespace {

constexpr int32_t kLabels = 3;

void require(bool kept) {
  if (!kept) __builtin_trap();
}

void check(const Expected& expected, ProblemType type) {
  require(std::isfinite(expected.value));
  require(std::ranges::is_sorted(expected.labels) &&
          std::ranges::adjacent_find(expected.labels) == expected.labels.end());
  for (const int32_t label : expected.labels) require(label >= 0 && label < kLabels);
  if (type == ProblemType::kSingleLabelClassification) require(expected.labels.size() == 1);
}

/// Reads each line as the label of a text, or refuses it with an Error.
void read_all(std::string_view lines, ProblemType type, bool json) {
  std::vector<std::string> names{"joy", "1", "fear, cold"};
  if (type == ProblemType::kRegression) names.resize(1);
  ExpectedLabels labels(names, type);
  for (const std::string& line : split(lines, '\n')) {
    try {
      check(json ? labels.of_json(parse_json(line, "label")) : labels.of_field(line), type);
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace
}  // namespace paceline

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view lines(reinterpret_cast<const char*>(data), size);
  for (const auto type : {paceline::ProblemType::kSingleLabelClassification,
                          paceline::ProblemType::kMultiLabelClassification, paceline::ProblemType::kRegression}) {
    for (const bool json : {false, true}) paceline::read_all(lines, type, json);
  }
  return 0;
}
