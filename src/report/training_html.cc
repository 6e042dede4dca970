#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report/evaluation_words.h"
#include "report/html_page.h"
#include "report/html_parts.h"
#include "report/training_charts.h"
#include "report/training_report.h"
#include "report/training_words.h"
#include "words/counted.h"
#include "words/markup.h"
#include "words/numbers.h"

namespace paceline {
namespace {

std::string tiles(const Training& training) {
  std::string html;
  for (const NamedScore& score : named_scores(training.evaluation.scores)) {
    html += html_tile(score.value, score.name, score.interval.empty() ? "" : "95 % interval " + score.interval);
  }
  const TrainingHistory& history = training.history;
  if (history.seconds > 0) {
    html += html_tile(format_number(static_cast<double>(history.texts) / history.seconds), "texts per second",
                      "through forward, backward and optimiser");
  }
  return html_tiles(html);
}

std::string answer(const Training& training) {
  const NamedScore best = named_scores(training.evaluation.scores).front();
  std::string html = "<section class=\"hero\" id=\"answer\" aria-labelledby=\"answer-title\">\n";
  html += fmt::format("<h2 id=\"answer-title\">{}</h2>\n",
                      escape_markup(fmt::format("{} {} on {}", best.name, best.value,
                                                counted(training.evaluation.data.texts, "text"))));
  for (const std::string& sentence : training_sentences(training)) html += html_paragraph(sentence);
  return html + tiles(training) + "</section>\n";
}

TableCell count_cell(int64_t value) { return {.text = format_count(value), .value = static_cast<double>(value)}; }
TableCell number_cell(double value, int digits = 3) { return {.text = format_number(value, digits), .value = value}; }

std::string evaluation_table(const Training& training) {
  std::vector<TableRow> rows;
  for (const EvaluationPoint& point : training.history.evaluations) {
    const bool best = point.update == training.history.best_update;
    rows.push_back({.cells = {count_cell(point.update),
                              {.text = format_decimals(point.epoch, 2), .value = point.epoch},
                              number_cell(point.loss),
                              number_cell(point.metric, 4),
                              {.text = best ? "kept" : "", .css_class = best ? "good" : ""}}});
  }
  return html_table(
      "Evaluations",
      {{"Update", true}, {"Epoch", true}, {"Loss", true}, {metric_words(training.metric), true}, {"Weights"}}, rows);
}

std::string label_table(const Training& training) {
  const std::vector<LabelCounts>* labels = labels_of(training.evaluation.scores);
  if (labels == nullptr) return "";
  std::vector<TableRow> rows;
  for (const std::size_t k : labels_by_frequency(*labels)) {
    const LabelCounts& label = (*labels)[k];
    rows.push_back({.cells = {{.text = training.labels[k], .css_class = "name"},
                              count_cell(training.train.label_texts[k]),
                              count_cell(label.expected),
                              number_cell(label.precision()),
                              number_cell(label.recall()),
                              number_cell(label.f1())}});
  }
  return html_table(
      "Labels",
      {{"Label"}, {"Train texts", true}, {"Eval texts", true}, {"Precision", true}, {"Recall", true}, {"F1", true}},
      rows);
}

std::string split_words(const TrainingSplit& split) {
  return fmt::format("{}: {}, {}, the longest {}", split.source, counted(split.texts, "text"),
                     counted(split.tokens, "token"), counted(split.longest, "token"));
}

std::string facts(const Training& training) {
  std::vector<Fact> facts{{"Start", training.start.model_dir},
                          {"Architecture", fmt::format("{}, {} parameters", training.start.architecture,
                                                       format_count(training.parameters))},
                          {"Train", split_words(training.train)},
                          {"Eval", split_words(training.eval)}};
  for (const RecipeLine& line : recipe_lines(training)) facts.push_back({line.name, line.value});
  return html_list(training_data_sentences(training)) + html_facts(facts);
}

std::string method() {
  return html_list(
      {"Every figure is of the weights in this folder, run as paceline evaluate does it. The eval file chose which "
       "weights are kept, so its figures are a little better than those on new texts.",
       "The loss is that of transformers: cross-entropy, binary cross-entropy or the squared error.",
       "Layers compute no padding, unless it was asked for with --batching padded."});
}

}  // namespace

std::string training_html(const Training& training) {
  return html_page({.title = "Paceline training",
                    .subjects = {model_name(training.start.model_dir), counted(training.train.texts, "text"),
                                 training.train.source, when_words(training.started_at)},
                    .answer = answer(training),
                    .sections = {{"loss", "Loss", html_chart("loss", training_loss_figure(training))},
                                 {"metric", "Evaluations",
                                  html_chart("metric", training_metric_figure(training)) + evaluation_table(training)},
                                 {"labels", "Labels", label_table(training)},
                                 {"rate", "Learning rate", html_chart("learning_rate", learning_rate_figure(training))},
                                 {"how", "Data and settings", facts(training)},
                                 {"method", "How it was computed", method()},
                                 {"repeat", "Train again", html_command(training.command)}},
                    .footer = fmt::format("Paceline {}. {}. The same figures: training.json.",
                                          training.paceline_version, training.build_id)});
}

}  // namespace paceline
