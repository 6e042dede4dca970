#include "results/evaluation_json.h"

#include <cstddef>

#include "base/json_text.h"
#include "base/long_mode_names.h"

namespace paceline {
namespace {

OrderedJson json_of(const Score& score) {
  return {
      {"value", finite_or_null(score.value)}, {"low", finite_or_null(score.low)}, {"high", finite_or_null(score.high)}};
}

OrderedJson json_of(const std::optional<Score>& score) { return score ? json_of(*score) : OrderedJson(); }

/// As plan.json names them; those that were not asked for are left out.
void add_settings(const EvaluatedModel& model, OrderedJson& json) {
  const CheckpointOptions& files = model.checkpoint.options;
  if (!files.file.empty()) json["weights"] = files.file.string();
  if (!files.base.empty()) json["base"] = files.base.string();
  if (model.labels.threshold) json["threshold"] = *model.labels.threshold;
  if (!model.labels.label_thresholds.empty()) json["label_thresholds"] = model.labels.label_thresholds;
  if (!model.labels.class_weights.empty()) json["class_weights"] = model.labels.class_weights;
  const LongTextOptions& long_texts = model.long_texts;
  json["long"] = name_of(long_texts.mode, kLongModeNames);
  if (long_texts.mode != LongTextOptions::Mode::kWindow) return;
  json["stride"] = long_texts.stride;
  json["combine"] = name_of(long_texts.combine, kCombineNames);
  json["combine_over"] = name_of(long_texts.over_logits, kCombineOverNames);
}

OrderedJson json_of(const EvaluatedModel& model) {
  OrderedJson json = {{"model_dir", model.checkpoint.model_dir},
                      {"plan", text_or_null(model.plan)},
                      {"hash", model.checkpoint.hash},
                      {"architecture", model.checkpoint.architecture},
                      {"parameters", model.checkpoint.parameters},
                      {"random_weights", model.checkpoint.random_weights},
                      {"labels", model.checkpoint.labels},
                      {"problem_type", model.checkpoint.problem_type},
                      {"backend", model.backend},
                      {"compute_type", model.compute_type},
                      {"device", model.device}};
  add_settings(model, json);
  return json;
}

OrderedJson json_of(const std::vector<SkippedRows>& skipped) {
  OrderedJson rows = OrderedJson::array();
  for (const SkippedRows& one : skipped) {
    rows.push_back({{"reason", one.reason}, {"rows", one.rows}, {"first", one.first}});
  }
  return rows;
}

OrderedJson json_of(const LabelledData& data) {
  return {{"source", data.source},
          {"label_column", data.label_column},
          {"labels_are", text_or_null(data.labels_are)},
          {"texts", data.texts},
          {"rows_skipped", data.rows_skipped()},
          {"skipped", json_of(data.skipped)},
          {"empty_texts", data.empty_texts},
          {"truncated_texts", data.truncated_texts},
          {"windowed_texts", data.windowed_texts}};
}

/// A row for each label.
OrderedJson label_rows(const std::vector<LabelCounts>& labels, const std::vector<std::string>& names) {
  OrderedJson rows = OrderedJson::array();
  for (std::size_t k = 0; k < labels.size(); ++k) {
    rows.push_back({{"label", names[k]},
                    {"expected", labels[k].expected},
                    {"predicted", labels[k].predicted},
                    {"right", labels[k].right},
                    {"precision", labels[k].precision()},
                    {"recall", labels[k].recall()},
                    {"f1", labels[k].f1()}});
  }
  return rows;
}

OrderedJson json_of(const TaskScores& scores, const std::vector<std::string>& names) {
  OrderedJson json = OrderedJson::object();
  if (scores.single) {
    json["accuracy"] = json_of(scores.single->accuracy);
    json["macro_f1"] = json_of(scores.single->macro_f1);
    json["majority_accuracy"] = scores.single->majority;
    json["labels"] = label_rows(scores.single->labels, names);
  }
  if (scores.multi) {
    json["exact"] = json_of(scores.multi->exact);
    json["micro_f1"] = json_of(scores.multi->micro_f1);
    json["macro_f1"] = json_of(scores.multi->macro_f1);
    json["average_precision"] = json_of(scores.multi->average_precision);
    json["labels"] = label_rows(scores.multi->labels, names);
    for (std::size_t k = 0; k < names.size(); ++k) {
      const std::optional<double>& one = scores.multi->label_average_precision[k];
      json["labels"][k]["average_precision"] = one ? OrderedJson(*one) : OrderedJson();
    }
  }
  if (scores.regression) {
    json["mean_squared_error"] = json_of(scores.regression->mean_squared_error);
    json["mean_absolute_error"] = json_of(scores.regression->mean_absolute_error);
    json["pearson"] = json_of(scores.regression->pearson);
    json["spearman"] = json_of(scores.regression->spearman);
  }
  return json;
}

/// A matrix, or of many labels a list of its cells that occur.
void add_confusion(const std::vector<ConfusionCell>& cells, const std::vector<std::string>& labels, OrderedJson& json) {
  if (cells.empty()) return;
  if (labels.size() <= static_cast<std::size_t>(kManyLabels)) {
    json["confusion_columns"] = labels;
    json["confusion_columns"].push_back(nullptr);  // no label was good enough
    json["confusion"] = confusion_matrix(cells, labels.size());
    return;
  }
  const auto name = [&](int32_t label) {
    return label == kNothingPredicted ? OrderedJson() : OrderedJson(labels[static_cast<std::size_t>(label)]);
  };
  OrderedJson& list = json["confusion_cells"] = OrderedJson::array();
  for (const ConfusionCell& cell : cells) {
    list.push_back({{"expected", name(cell.expected)}, {"predicted", name(cell.predicted)}, {"texts", cell.texts}});
  }
}

OrderedJson json_of(const Reliability& reliability) {
  OrderedJson bins = OrderedJson::array();
  for (const ReliabilityBin& bin : reliability.bins) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"predictions", bin.predictions},
                    {"probability", bin.probability},
                    {"right", bin.right}});
  }
  return {{"expected_calibration_error", reliability.error}, {"log_loss", reliability.log_loss}, {"bins", bins}};
}

OrderedJson json_of(const Calibration& calibration) {
  OrderedJson json = json_of(calibration.plain);
  json["temperature"] = calibration.temperature ? OrderedJson(*calibration.temperature) : OrderedJson();
  json["with_temperature"] = json_of(calibration.tempered);
  return json;
}

OrderedJson json_of(const PairedScores& paired) {
  return {{"accuracy_difference", json_of(paired.accuracy)},
          {"macro_f1_difference", json_of(paired.macro_f1)},
          {"agreement", json_of(paired.agreement)},
          {"both_right", paired.both_right},
          {"only_this_right", paired.only_second},
          {"only_other_right", paired.only_first},
          {"mcnemar_p_value", paired.p_value}};
}

OrderedJson json_of(const PairedMultiScores& paired) {
  return {{"exact_difference", json_of(paired.exact)},
          {"micro_f1_difference", json_of(paired.micro_f1)},
          {"macro_f1_difference", json_of(paired.macro_f1)},
          {"agreement", json_of(paired.agreement)}};
}

OrderedJson json_of(const EvaluatedAgainst& against) {
  OrderedJson json = {{"model", json_of(against.model)},
                      {"scores", json_of(against.scores, against.model.checkpoint.labels)},
                      {"compared_texts", against.texts}};
  if (against.single) json["difference"] = json_of(*against.single);
  if (against.multi) json["difference"] = json_of(*against.multi);
  if (against.squared_error) {
    json["difference"] = {{"mean_squared_error_difference", json_of(*against.squared_error)}};
  }
  return json;
}

OrderedJson json_of(const WrongText& wrong) {
  OrderedJson json = {{"row", wrong.row},
                      {"expected", wrong.expected},
                      {"predicted", wrong.predicted},
                      {"loss", finite_or_null(wrong.loss)},
                      {"text", wrong.text}};
  if (!wrong.pair.empty()) json["pair"] = wrong.pair;
  return json;
}

}  // namespace

OrderedJson scores_json(const TaskScores& scores, const std::vector<std::string>& names) {
  return json_of(scores, names);
}

std::string evaluation_json(const Evaluation& evaluation) {
  const std::vector<std::string>& labels = evaluation.model.checkpoint.labels;
  OrderedJson json = {{"schema_version", Evaluation::kSchemaVersion},
                      {"paceline_version", evaluation.paceline_version},
                      {"build_id", evaluation.build_id},
                      {"command", evaluation.command},
                      {"started_at", evaluation.started_at},
                      {"seconds", evaluation.seconds},
                      {"model", json_of(evaluation.model)},
                      {"data", json_of(evaluation.data)},
                      {"scores", json_of(evaluation.scores, labels)}};
  add_confusion(evaluation.confusion, labels, json);
  if (evaluation.calibration) json["calibration"] = json_of(*evaluation.calibration);
  if (evaluation.against) json["against"] = json_of(*evaluation.against);
  json["most_wrong"] = OrderedJson::array();
  for (const WrongText& wrong : evaluation.wrong) json["most_wrong"].push_back(json_of(wrong));
  return json_text(json);
}

}  // namespace paceline
