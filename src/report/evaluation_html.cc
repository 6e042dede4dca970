#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "report/evaluation_charts.h"
#include "report/evaluation_report.h"
#include "report/evaluation_words.h"
#include "report/html_page.h"
#include "report/html_parts.h"
#include "words/counted.h"
#include "words/markup.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// A confusion matrix of more labels is unreadable; the list of the most frequent confusions is not.
constexpr std::size_t kMatrixLabels = 20;
constexpr std::size_t kMostConfusions = 30;

std::string title_of(const Evaluation& evaluation) {
  const std::string texts = counted(evaluation.data.texts, "text");
  const TaskScores& scores = evaluation.scores;
  if (scores.single) return fmt::format("Right for {} of {}", format_percent(scores.single->accuracy.value), texts);
  if (scores.multi) return fmt::format("Micro-F1 {} on {}", format_decimals(scores.multi->micro_f1.value, 3), texts);
  const auto& pearson = scores.regression->pearson;
  return pearson ? fmt::format("Correlation {} on {}", format_decimals(pearson->value, 3), texts)
                 : fmt::format("Mean squared error {} on {}",
                               format_number(scores.regression->mean_squared_error.value), texts);
}

std::string tiles(const Evaluation& evaluation) {
  std::string html;
  for (const NamedScore& score : named_scores(evaluation.scores)) {
    html += html_tile(score.value, score.name, score.interval.empty() ? "" : "95 % interval " + score.interval);
  }
  if (evaluation.scores.single) {
    html += html_tile(format_percent(evaluation.scores.single->majority), "most frequent label",
                      "right if it were always given");
  }
  if (evaluation.calibration) {
    html += html_tile(format_percent(evaluation.calibration->plain.error), "calibration error",
                      "by which probabilities are off");
  }
  return html_tiles(html);
}

std::string answer(const Evaluation& evaluation) {
  std::string html = "<section class=\"hero\" id=\"answer\" aria-labelledby=\"answer-title\">\n";
  if (evaluation.model.checkpoint.random_weights) {
    html += html_paragraph("The weights of this model are random: its labels mean nothing.", "notice");
  }
  html += fmt::format("<h2 id=\"answer-title\">{}</h2>\n", escape_markup(title_of(evaluation)));
  html += html_paragraph(model_words(evaluation.model) + ".");
  for (const std::string& sentence : data_sentences(evaluation.data)) html += html_paragraph(sentence);
  return html + tiles(evaluation) + "</section>\n";
}

TableCell figure_cell(double value) { return {.text = format_decimals(value, 3), .value = value}; }
TableCell count_cell(int64_t value) { return {.text = format_count(value), .value = static_cast<double>(value)}; }

std::string label_table(const Evaluation& evaluation) {
  const std::vector<LabelCounts>* labels = labels_of(evaluation.scores);
  if (labels == nullptr) return "";
  std::vector<TableColumn> columns{{"Label"},           {"Texts", true},  {"Predicted", true},
                                   {"Precision", true}, {"Recall", true}, {"F1", true}};
  const auto& multi = evaluation.scores.multi;
  if (multi) columns.push_back({"Average precision", true});
  std::vector<TableRow> rows;
  for (const std::size_t k : labels_by_frequency(*labels)) {
    const LabelCounts& label = (*labels)[k];
    TableRow row{.cells = {{.text = evaluation.model.checkpoint.labels[k], .css_class = "name"},
                           count_cell(label.expected),
                           count_cell(label.predicted),
                           figure_cell(label.precision()),
                           figure_cell(label.recall()),
                           figure_cell(label.f1())}};
    if (multi) {
      const std::optional<double>& one = multi->label_average_precision[k];
      row.cells.push_back(one ? figure_cell(*one) : TableCell{.text = "-"});
    }
    rows.push_back(std::move(row));
  }
  return html_table("Labels", columns, rows);
}

struct ConfusedPair {
  std::size_t expected = 0, predicted = 0;
  int64_t texts = 0;
};

std::string predicted_name(const Evaluation& evaluation, std::size_t column) {
  const auto& labels = evaluation.model.checkpoint.labels;
  return column < labels.size() ? labels[column] : "none";
}

std::vector<ConfusedPair> most_confused(const Evaluation& evaluation) {
  const std::size_t labels = evaluation.model.checkpoint.labels.size();
  std::vector<ConfusedPair> pairs;
  for (std::size_t i = 0; i < evaluation.confusion.size(); ++i) {
    const ConfusedPair pair{i / (labels + 1), i % (labels + 1), evaluation.confusion[i]};
    if (pair.texts > 0 && pair.expected != pair.predicted) pairs.push_back(pair);
  }
  std::ranges::stable_sort(pairs, std::greater(), &ConfusedPair::texts);
  pairs.resize(std::min(pairs.size(), kMostConfusions));
  return pairs;
}

std::string confused_table(const Evaluation& evaluation) {
  std::vector<TableRow> rows;
  for (const ConfusedPair& pair : most_confused(evaluation)) {
    const auto expected = static_cast<double>(evaluation.scores.single->labels[pair.expected].expected);
    const double share = static_cast<double>(pair.texts) / expected;
    rows.push_back({.cells = {{.text = predicted_name(evaluation, pair.expected), .css_class = "name"},
                              {.text = predicted_name(evaluation, pair.predicted), .css_class = "name"},
                              count_cell(pair.texts),
                              {.text = format_percent(share), .bar = share, .value = share}}});
  }
  return rows.empty() ? ""
                      : html_table("Most frequent confusions",
                                   {{"Expected"}, {"Predicted"}, {"Texts", true}, {"Of the expected", true}}, rows);
}

/// Each row filled by its shares.
std::string confusion_matrix(const Evaluation& evaluation) {
  const std::size_t labels = evaluation.model.checkpoint.labels.size();
  if (evaluation.confusion.empty() || labels > kMatrixLabels) return "";
  const bool any_none = [&] {
    for (std::size_t k = 0; k < labels; ++k) {
      if (evaluation.confusion[k * (labels + 1) + labels] > 0) return true;
    }
    return false;
  }();
  std::vector<TableColumn> columns{{"Expected \\ predicted"}};
  for (std::size_t k = 0; k < labels + (any_none ? 1 : 0); ++k)
    columns.push_back({predicted_name(evaluation, k), true});
  std::vector<TableRow> rows;
  for (std::size_t k = 0; k < labels; ++k) {
    TableRow row{.cells = {{.text = predicted_name(evaluation, k), .css_class = "name"}}};
    const auto expected = static_cast<double>(std::max<int64_t>(evaluation.scores.single->labels[k].expected, 1));
    for (std::size_t column = 0; column + 1 < columns.size(); ++column) {
      TableCell cell = count_cell(evaluation.confusion[k * (labels + 1) + column]);
      cell.bar = *cell.value / expected;
      if (column == k) cell.css_class = "good";
      row.cells.push_back(std::move(cell));
    }
    rows.push_back(std::move(row));
  }
  return html_details("All confusions", html_table("Confusion matrix", columns, rows));
}

std::string against_part(const Evaluation& evaluation) {
  if (!evaluation.against) return "";
  std::string html = html_paragraph(fmt::format("{} against {}, on the same texts.", model_words(evaluation.model),
                                                model_words(evaluation.against->model)));
  html += html_list(against_sentences(evaluation));
  std::vector<TableRow> rows;
  const auto mine = named_scores(evaluation.scores);
  const auto others = named_scores(evaluation.against->scores);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    rows.push_back({.cells = {{.text = mine[i].name, .css_class = "name"},
                              {.text = mine[i].value},
                              {.text = mine[i].interval},
                              {.text = others[i].value},
                              {.text = others[i].interval}}});
  }
  return html +
         html_table("Both models",
                    {{"Figure"}, {"This", true}, {"95 % interval", true}, {"Other", true}, {"95 % interval", true}},
                    rows);
}

std::string wrong_table(const Evaluation& evaluation) {
  if (evaluation.wrong.empty()) return html_paragraph("No answer is wrong.");
  std::vector<TableRow> rows;
  for (const WrongText& wrong : evaluation.wrong) {
    rows.push_back({.cells = {count_cell(wrong.row),
                              {.text = wrong.expected, .css_class = "name"},
                              {.text = wrong.predicted, .css_class = "name"},
                              {.text = format_number(wrong.loss), .value = wrong.loss},
                              {.text = wrong.text, .css_class = "wrap"}}});
  }
  return html_paragraph(
             evaluation.scores.regression
                 ? "By the squared error, the largest first."
                 : "By the loss, -log of the probability that the model gave to what was expected. Where the "
                   "model is sure and wrong, look at the label first: it may be the data.") +
         html_table("Most wrong", {{"Row", true}, {"Expected"}, {"Predicted"}, {"Loss", true}, {"Text"}}, rows);
}

std::string facts(const Evaluation& evaluation) {
  const CheckpointSummary& model = evaluation.model.checkpoint;
  const LabelledData& data = evaluation.data;
  const auto count = [](int64_t value) { return value > 0 ? format_count(value) : ""; };
  return html_facts(
      {{"Model", model.model_dir},
       {"Plan", evaluation.model.plan},
       {"Architecture", fmt::format("{}, {} parameters", model.architecture, format_count(model.parameters))},
       {"Backend", fmt::format("{} {}", evaluation.model.backend, evaluation.model.compute_type)},
       {"Data", data.source},
       {"Texts", format_count(data.texts)},
       {"Labels", fmt::format("column {}, as {}", data.label_column, data.labels_are_numbers ? "numbers" : "names")},
       {"Rows left out", count(data.rows_skipped)},
       {"Texts cut", count(data.truncated_texts)},
       {"Texts in windows", count(data.windowed_texts)}});
}

std::string method() {
  return html_list(
      {"Answers are those that classify gives with the same model or plan.",
       "The interval of a share is Wilson's. That of F1, average precision and differences is a bootstrap over texts: "
       "the texts are drawn again, with replacement, up to 1,000 times. That of a mean error is Student's, those of "
       "correlations are Fisher's and Bonett and Wright's.",
       "Macro-F1 is the mean over labels that are expected or predicted; of several labels per text, over all.",
       "The calibration error is the expected one over 15 bins of equal width."});
}

}  // namespace

std::string evaluation_html(const Evaluation& evaluation) {
  const auto chart = [&](std::string_view name, const Figure& figure) {
    return figure.panels.empty() ? "" : html_chart(name, figure);
  };
  return html_page(
      {.title = "Paceline evaluation",
       .subjects = {model_name(evaluation.model.checkpoint.model_dir), counted(evaluation.data.texts, "text"),
                    evaluation.data.source, when_words(evaluation.started_at)},
       .answer = answer(evaluation),
       .sections = {{"against", "Against the other model", against_part(evaluation)},
                    {"labels", "Labels", chart("labels", label_figure(evaluation)) + label_table(evaluation)},
                    {"confusions", "Confusions", confused_table(evaluation) + confusion_matrix(evaluation)},
                    {"probabilities", "Probabilities",
                     html_paragraph(calibration_sentence(evaluation)) +
                         chart("reliability", reliability_figure(evaluation))},
                    {"wrong", "Most wrong", wrong_table(evaluation)},
                    {"data", "Data and model", facts(evaluation)},
                    {"method", "How it was computed", method()},
                    {"repeat", "Evaluate again", html_command(evaluation.command)}},
       .footer = fmt::format("Paceline {}. {}. Evaluated in {}. The same figures: evaluation.json.",
                             evaluation.paceline_version, evaluation.build_id, format_duration(evaluation.seconds))});
}

}  // namespace paceline
