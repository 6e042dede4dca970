#include "network/labels.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr int64_t kDefaultLabels = 2;  // what transformers assumes where config.json says nothing

/// A label's text; some exporters write numbers.
std::string label_text(const Json& label, const std::string& id, std::string_view where) {
  if (label.is_number_integer()) {
    return label.dump();
  }
  return json_string(Json{{id, label}}, id, fmt::format("{}: id2label", where));
}

}  // namespace

std::vector<std::string> read_labels(const Json& config, std::string_view where) {
  const auto id2label = config.find("id2label");
  const bool named = id2label != config.end() && !id2label->is_null();
  if (named && (!id2label->is_object() || id2label->empty() || id2label->size() > kMostLabels)) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"id2label\" was expected as an object of 1 to {} labels.", where, kMostLabels));
  }
  const auto stored = named ? static_cast<int64_t>(id2label->size()) : kDefaultLabels;
  const int64_t count = json_integer(config, "num_labels", where, 1, kMostLabels, stored);
  if (named && count != stored) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"num_labels\" is {}, but \"id2label\" holds {} labels.", where, count, stored));
  }
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) {
    const std::string id = fmt::format("{}", i);
    if (!named) {
      labels.push_back("LABEL_" + id);
      continue;
    }
    const auto label = id2label->find(id);
    if (label == id2label->end()) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] \"id2label\" has no label {}, 0 to {} were expected.", where, id, count - 1));
    }
    labels.push_back(label_text(*label, id, where));
  }
  return labels;
}

}  // namespace paceline
