#include "results/training_json.h"

#include <cstddef>

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

OrderedJson split_json(const TrainingSplit& split, const std::vector<std::string>& labels) {
  OrderedJson json = {{"source", split.source},
                      {"hash", split.hash},
                      {"texts", split.texts},
                      {"tokens", split.tokens},
                      {"longest", split.longest},
                      {"rows_skipped", split.rows_skipped},
                      {"empty_texts", split.empty_texts},
                      {"truncated_texts", split.truncated}};
  for (std::size_t k = 0; k < split.label_texts.size(); ++k) json["label_texts"][labels[k]] = split.label_texts[k];
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
