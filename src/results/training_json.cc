#include "results/training_json.h"

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "base/json_text.h"
#include "results/evaluation_json.h"
#include "results/training_fields.h"

namespace paceline {
namespace {

template <class Struct>
OrderedJson json_of(const Struct& is) {
  OrderedJson json;
  JsonFieldWriter writer(json);
  fields(writer, is);
  return json;
}

/// An object in the labels' order; of labels with one name it has the last. OrderedJson itself looks through all keys
/// for each new one.
OrderedJson label_texts_json(const std::vector<int64_t>& texts, const std::vector<std::string>& labels) {
  std::unordered_map<std::string_view, std::size_t> places;
  OrderedJson::object_t counts;
  for (std::size_t k = 0; k < texts.size(); ++k) {
    const auto [found, is_new] = places.emplace(labels[k], counts.size());
    if (is_new) {
      counts.push_back({labels[k], texts[k]});
    } else {
      (counts.begin() + static_cast<std::ptrdiff_t>(found->second))->second = texts[k];
    }
  }
  return counts;
}

OrderedJson split_json(const TrainingSplit& split, const std::vector<std::string>& labels) {
  OrderedJson json = {{"source", split.source},
                      {"hash", split.hash},
                      {"texts", split.texts},
                      {"tokens", split.tokens},
                      {"longest", split.longest},
                      {"rows_skipped", split.rows_skipped},
                      {"empty_texts", split.empty_texts},
                      {"truncated_texts", split.truncated}};
  if (!split.label_texts.empty()) json["label_texts"] = label_texts_json(split.label_texts, labels);
  return json;
}

OrderedJson relation_json(const LengthRelation& relation) {
  if (relation.measure.empty()) return nullptr;
  return {{"measure", relation.measure},
          {"value", relation.value},
          {"by_chance", relation.by_chance},
          {"label", text_or_null(relation.label)},
          {"go_together", relation.go_together}};
}

}  // namespace

std::string training_json(const Training& training) {
  OrderedJson json = {{"schema_version", Training::kSchemaVersion},
                      {"paceline_version", training.paceline_version},
                      {"build_id", training.build_id},
                      {"command", training.command},
                      {"identity", training.identity},
                      {"started_at", training.started_at},
                      {"start",
                       {{"model_dir", training.start.model_dir},
                        {"hash", training.start.hash},
                        {"architecture", training.start.architecture},
                        {"new_head", training.new_head}}},
                      {"teacher", text_or_null(training.teacher)},
                      {"engine", training.engine},
                      {"labels", training.labels},
                      {"problem_type", training.problem_type},
                      {"parameters", training.parameters},
                      {"trained_parameters", training.trained_parameters},
                      {"recipe", json_of(training.recipe)},
                      {"train", split_json(training.train, training.labels)},
                      {"eval", split_json(training.eval, training.labels)},
                      {"overlapping_texts", training.overlap},
                      {"label_and_length", relation_json(training.length_relation)},
                      {"updates", training.updates},
                      {"planned_updates", training.planned_updates},
                      {"updates_per_epoch", training.updates_per_epoch},
                      {"ended_by", std::string(name_of(training.end, kTrainingEndNames))},
                      {"metric", training.metric},
                      {"scores", scores_json(training.evaluation.scores, training.labels)},
                      {"history", json_of(training.history)},
                      {"files", training.files}};
  return json_text(json);
}

}  // namespace paceline
