#include "report/training_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "report/html_page.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kMetricWords{
    {{"macro-f1", "macro-F1"},
     {"micro-f1", "micro-F1"},
     {"exact", "all labels right"},
     {"average-precision", "average precision"},
     {"pearson", "Pearson"},
     {"spearman", "Spearman"},
     {"mse", "mean squared error"},
     {"mae", "mean absolute error"},
     {"accuracy", "accuracy"},
     {"loss", "loss"}}};

bool is_share(std::string_view metric) { return metric == "accuracy" || metric == "exact"; }

std::string_view was(int64_t count) { return count == 1 ? "was" : "were"; }

std::string value_words(std::string_view metric, double value) {
  return is_share(metric) ? format_percent(value) : format_number(value, 4);
}

}  // namespace

std::string metric_words(std::string_view metric) {
  for (const auto& [name, words] : kMetricWords) {
    if (name == metric) return std::string(words);
  }
  return std::string(metric);
}

std::string metric_value_words(std::string_view metric, const EvaluationPoint& point) {
  const std::string value = fmt::format("{} {}", metric_words(metric), value_words(metric, point.metric));
  if (point.low >= point.high) return value;
  return fmt::format("{} (95 % interval {} to {})", value, value_words(metric, point.low),
                     value_words(metric, point.high));
}

const EvaluationPoint& best_evaluation(const Training& training) {
  return *std::ranges::find(training.history.evaluations, training.history.best_update, &EvaluationPoint::update);
}

std::vector<std::string> training_sentences(const Training& training) {
  const TrainingHistory& history = training.history;
  std::vector<std::string> sentences;
  const std::string from = model_name(training.start.model_dir);
  sentences.push_back(fmt::format("{} was trained on {} of {} for {} ({} epochs) in {}.", from,
                                  counted(training.train.texts, "text"), training.train.source,
                                  counted(training.updates, "update"),
                                  format_number(static_cast<double>(training.updates) / training.updates_per_epoch),
                                  format_duration(history.seconds)));
  sentences.push_back(fmt::format("The weights are those of update {}, the best of {} by {} on {}.",
                                  format_count(history.best_update),
                                  counted(static_cast<int64_t>(history.evaluations.size()), "evaluation"),
                                  metric_words(training.metric), training.eval.source));
  if (training.end == TrainingEnd::kPatience) {
    sentences.push_back(fmt::format("It ended before all {} updates: {} brought no gain.",
                                    format_count(training.planned_updates),
                                    counted(training.recipe.patience, "evaluation")));
  }
  if (training.new_head) {
    sentences.push_back(
        fmt::format("Its head is new, with {}.", training.problem_type == "regression"
                                                     ? "one value"
                                                     : counted(static_cast<int64_t>(training.labels.size()), "label")));
  }
  if (!training.teacher.empty()) {
    sentences.push_back(fmt::format("It learnt from the answers of {}, too.", model_name(training.teacher)));
  }
  if (training.trained_parameters < training.parameters) {
    sentences.push_back(fmt::format("{} of {} parameters were trained; the others are as they were.",
                                    format_count(training.trained_parameters), format_count(training.parameters)));
  }
  return sentences;
}

std::vector<std::string> training_data_sentences(const Training& training) {
  std::vector<std::string> sentences;
  for (const TrainingSplit* split : {&training.train, &training.eval}) {
    const int64_t left_out = split->rows_skipped + split->empty_texts;
    if (left_out > 0) {
      sentences.push_back(fmt::format("{} of {} {} left out: {} could not be read, {} had no text.",
                                      counted(left_out, "row"), split->source, was(left_out),
                                      format_count(split->rows_skipped), format_count(split->empty_texts)));
    }
    if (split->truncated > 0) {
      sentences.push_back(fmt::format("{0} of {1} {2} longer than the model reads and {2} cut.",
                                      counted(split->truncated, "text"), split->source, was(split->truncated)));
    }
  }
  if (training.overlap > 0) {
    const bool one = training.overlap == 1;
    sentences.push_back(fmt::format("{} of {} {} in {}, too: the figures are too good by {}.",
                                    counted(training.overlap, "text"), training.train.source, one ? "stands" : "stand",
                                    training.eval.source, one ? "it" : "them"));
  }
  const LengthRelation& relation = training.length_relation;
  if (!relation.measure.empty()) {
    sentences.push_back(fmt::format("Label and length of a text: {} {}{}.", relation.measure,
                                    format_decimals(relation.value, 3),
                                    relation.go_together ? ", they go together" : ", next to nothing"));
  }
  return sentences;
}

std::vector<RecipeLine> recipe_lines(const Training& training) {
  const TrainingRecipe& is = training.recipe;
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("none") : text; };
  std::vector<RecipeLine> lines{
      {"batch size", is.accumulate > 1 ? fmt::format("{} in {} passes", is.batch_size * is.accumulate, is.accumulate)
                                       : format_count(is.batch_size)},
      {"batching", std::string(name_of(is.batching, kBatchingNames))},
      {"optimiser", fmt::format("AdamW, weight decay {}", format_number(is.weight_decay))},
      {"learning rate", fmt::format("{:g}, warm-up over {} of the updates, then linear to 0", is.learning_rate,
                                    format_percent(is.warmup, 0))},
      {"gradients clipped to", is.max_gradient_norm > 0 ? format_number(is.max_gradient_norm) : "not clipped"},
      {"compute type", is.compute_type},
      {"seed", fmt::format("{}", is.seed)},
      {"threads", format_count(is.threads)},
      {"class weights", or_none(is.class_weights)},
      {"frozen", or_none(is.freeze)},
      {"engine", training.engine}};
  if (is.max_length > 0) lines.push_back({"longest text", counted(is.max_length, "token")});
  if (!training.teacher.empty()) {
    lines.push_back({"teacher", fmt::format("{}, share {}, temperature {}, hidden states {}",
                                            model_name(training.teacher), format_number(is.teacher_share),
                                            format_number(is.temperature), format_number(is.hidden_weight))});
  }
  return lines;
}

}  // namespace paceline
