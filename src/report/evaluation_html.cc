#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>
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

/// The model and all that was asked for.
std::string run_words(const EvaluatedModel& model) {
  const std::string settings = settings_words(model);
  return model_words(model) + (settings.empty() ? "" : "; " + settings);
}

std::string answer(const Evaluation& evaluation) {
  std::string html = "<section class=\"hero\" id=\"answer\" aria-labelledby=\"answer-title\">\n";
  if (evaluation.model.checkpoint.random_weights) {
    html += html_paragraph("The weights of this model are random: its labels mean nothing.", "notice");
  }
  html += fmt::format("<h2 id=\"answer-title\">{}</h2>\n", escape_markup(title_of(evaluation)));
  html += html_paragraph(run_words(evaluation.model) + ".");
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
  return html_table("Labels", columns, rows) + html_list(label_sentences(evaluation));
}

std::string label_name(const Evaluation& evaluation, int32_t label) {
  return label == kNothingPredicted ? "none" : evaluation.model.checkpoint.labels[static_cast<std::size_t>(label)];
}

int64_t expected_texts(const Evaluation& evaluation, int32_t label) {
  return evaluation.scores.single->labels[static_cast<std::size_t>(label)].expected;
}

/// Those with the most texts first.
std::vector<ConfusionCell> confusions_of(const Evaluation& evaluation) {
  std::vector<ConfusionCell> wrong = evaluation.confusion;
  std::erase_if(wrong, [](const ConfusionCell& cell) { return cell.expected == cell.predicted; });
  std::ranges::stable_sort(wrong, std::greater(), &ConfusionCell::texts);
  return wrong;
}

/// Whether a text got no label.
bool gives_none(const Evaluation& evaluation) {
  return std::ranges::find(evaluation.confusion, kNothingPredicted, &ConfusionCell::predicted) !=
         evaluation.confusion.end();
}

std::string confused_table(const Evaluation& evaluation) {
  const std::vector<ConfusionCell> wrong = confusions_of(evaluation);
  if (wrong.empty()) return "";
  std::vector<TableRow> rows;
  for (const ConfusionCell& cell : std::span(wrong).first(std::min(wrong.size(), kMostConfusions))) {
    const double share =
        static_cast<double>(cell.texts) / static_cast<double>(expected_texts(evaluation, cell.expected));
    rows.push_back({.cells = {{.text = label_name(evaluation, cell.expected), .css_class = "name"},
                              {.text = label_name(evaluation, cell.predicted), .css_class = "name"},
                              count_cell(cell.texts),
                              {.text = format_percent(share), .bar = share, .value = share}}});
  }
  std::string notes =
      gives_none(evaluation) ? html_paragraph("\"none\": no label reached its threshold, which counts as wrong.") : "";
  // Of fewer labels the matrix below has all.
  if (evaluation.model.checkpoint.labels.size() > kMatrixLabels && wrong.size() > rows.size()) {
    notes += html_paragraph(fmt::format("The {} that most texts have, of {}; evaluation.json has all.", rows.size(),
                                        counted(static_cast<int64_t>(wrong.size()), "confusion")));
  }
  return notes + html_table("Most frequent confusions",
                            {{"Expected"}, {"Predicted"}, {"Texts", true}, {"Of the expected", true}}, rows);
}

/// Each row filled by its shares.
std::string confusion_matrix(const Evaluation& evaluation) {
  const std::size_t labels = evaluation.model.checkpoint.labels.size();
  if (evaluation.confusion.empty() || labels > kMatrixLabels) return "";
  const bool any_none = gives_none(evaluation);
  std::vector<std::string> names = evaluation.model.checkpoint.labels;
  if (any_none) names.push_back(label_name(evaluation, kNothingPredicted));
  std::vector<TableColumn> columns{{"Expected \\ predicted"}};
  for (const std::string& name : names) columns.push_back({name, true});
  const auto counts = confusion_matrix(evaluation.confusion, labels);
  std::vector<TableRow> rows;
  for (std::size_t k = 0; k < labels; ++k) {
    TableRow row{.cells = {{.text = names[k], .css_class = "name"}}};
    const auto expected = static_cast<double>(std::max<int64_t>(evaluation.scores.single->labels[k].expected, 1));
    for (std::size_t column = 0; column < names.size(); ++column) {
      TableCell cell = count_cell(counts[k][column]);
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
  std::string html = html_paragraph(fmt::format("This: {}. The other: {}. Both on the same texts.",
                                                run_words(evaluation.model), run_words(evaluation.against->model)));
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
  const bool pairs = std::ranges::any_of(evaluation.wrong, [](const WrongText& one) { return !one.pair.empty(); });
  const bool regression = evaluation.scores.regression.has_value();
  // The text comes second: on a narrow screen the last columns are out of sight.
  std::vector<TableColumn> columns{{"Row", true}, {pairs ? "First text" : "Text"}};
  if (pairs) columns.push_back({"Second text"});
  for (const char* title : {"Expected", "Predicted"}) columns.push_back({title});
  columns.push_back({regression ? "Squared error" : "Loss", true});
  for (const WrongText& wrong : evaluation.wrong) {
    TableRow row{.cells = {count_cell(wrong.row), {.text = wrong.text, .css_class = "wrap"}}};
    if (pairs) row.cells.push_back({.text = wrong.pair, .css_class = "wrap"});
    row.cells.push_back({.text = wrong.expected, .css_class = "name"});
    row.cells.push_back({.text = wrong.predicted, .css_class = "name"});
    row.cells.push_back({.text = format_number(wrong.loss), .value = wrong.loss});
    rows.push_back(std::move(row));
  }
  return html_paragraph(regression
                            ? "By the squared error, the largest first."
                            : "By the loss, -log of the probability that the model gave to what was expected. Where "
                              "the model is sure and wrong, look at the label first: it may be the data.") +
         html_table("Most wrong", columns, rows);
}

std::vector<Fact> model_facts(const EvaluatedModel& model) {
  const CheckpointSummary& is = model.checkpoint;
  const std::string settings = settings_words(model);
  return {{"Model", is.model_dir},
          {"Architecture", fmt::format("{}, {} parameters", is.architecture, format_count(is.parameters))},
          {"Backend", fmt::format("{} {}", model.backend, model.compute_type)},
          {"Settings", settings.empty() ? "the defaults" : settings}};
}

std::string facts(const Evaluation& evaluation) {
  const LabelledData& data = evaluation.data;
  const auto count = [](int64_t value) { return value > 0 ? format_count(value) : ""; };
  const std::string form = data.labels_are.empty() ? "" : ", as " + data.labels_are;
  std::string html = html_facts({{"Data", data.source},
                                 {"Texts", format_count(data.texts)},
                                 {"Labels", fmt::format("column {}{}", data.label_column, form)},
                                 {"Rows left out", count(data.rows_skipped())},
                                 {"Empty texts", count(data.empty_texts)},
                                 {"Texts cut", count(data.truncated_texts)},
                                 {"Texts in windows", count(data.windowed_texts)}});
  html += "<h3>The model</h3>\n" + html_facts(model_facts(evaluation.model));
  if (evaluation.against) html += "<h3>The other model</h3>\n" + html_facts(model_facts(evaluation.against->model));
  return html;
}

std::string difference_method(const TaskScores& scores) {
  if (scores.regression) return "Its interval is Student's.";
  const std::string shares =
      "Of shares it has Bonett and Price's interval, which holds 0 where McNemar's exact test does not tell the two "
      "apart.";
  return shares + (scores.multi ? " That of micro-F1 is the same by the delta method, that of macro-F1 a percentile "
                                  "bootstrap."
                                : " That of macro-F1 has a percentile bootstrap's.");
}

/// What holds of the model's task.
std::string method(const TaskScores& scores) {
  std::vector<std::string> sentences{"Answers are those that classify gives with the same model or plan."};
  if (scores.regression) {
    sentences.push_back(
        "The interval of a mean error is Student's, those of correlations are Fisher's (Pearson) and Bonett and "
        "Wright's (Spearman).");
  } else {
    sentences.push_back(
        "The interval of a share is Wilson's. That of F1 and average precision is a bootstrap over texts: the texts "
        "are "
        "drawn again, with replacement, up to 1,000 times. It is the basic one, on the scale asin(sqrt(figure)).");
  }
  sentences.push_back("A difference of two models is paired: both answer the same texts. " + difference_method(scores));
  sentences.push_back(
      "A figure has no interval where it would come out the same however the texts were drawn, and where the texts are "
      "too few for one.");
  if (scores.regression) return html_list(sentences);
  sentences.push_back(scores.multi
                          ? "Macro-F1 is the mean over all labels. Average precision is the mean over the labels "
                            "that a text has; scikit-learn counts 0 for the others."
                          : "Macro-F1 is the mean over the labels that are expected or predicted.");
  sentences.push_back("The calibration error is the expected one over 15 bins of equal width.");
  return html_list(sentences);
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
                    {"method", "How it was computed", method(evaluation.scores)},
                    {"repeat", "Evaluate again", html_command(evaluation.command)}},
       .footer = fmt::format("Paceline {}. {}. Evaluated in {}. The same figures: evaluation.json.",
                             evaluation.paceline_version, evaluation.build_id, format_duration(evaluation.seconds))});
}

}  // namespace paceline
