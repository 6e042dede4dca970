#include "report/evaluation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "report/evaluation_charts.h"
#include "report/evaluation_words.h"
#include "report/terminal_page.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/printable.h"

namespace paceline {
namespace {

/// Labels that the terminal lists; the rest stand in the files.
constexpr std::size_t kListedLabels = 30;

void print_scores(TerminalPage& page, const TaskScores& scores) {
  std::vector<TextRow> rows;
  for (const NamedScore& score : named_scores(scores)) {
    rows.push_back({.cells = {score.name, score.value, score.interval}});
  }
  page.table({{"figure"}, {"value", true}, {"95 % interval", true}}, std::move(rows));
}

/// The most frequent labels first.
void print_labels(TerminalPage& page, const Evaluation& evaluation) {
  const std::vector<LabelCounts>* labels = labels_of(evaluation.scores);
  if (labels == nullptr) return;
  const std::vector<std::size_t> order = labels_by_frequency(*labels);
  const std::size_t shown = std::min(order.size(), kListedLabels);
  std::vector<TextRow> rows;
  for (const std::size_t k : std::span(order).first(shown)) {
    const LabelCounts& label = (*labels)[k];
    rows.push_back({.cells = {printable(evaluation.model.checkpoint.labels[k]), format_count(label.expected),
                              format_decimals(label.precision(), 3), format_decimals(label.recall(), 3),
                              format_decimals(label.f1(), 3)}});
  }
  page.line("");
  page.table({{"label"}, {"texts", true}, {"precision", true, 1}, {"recall", true, 2}, {"F1", true}}, std::move(rows));
  if (shown < order.size()) {
    page.paragraph(
        fmt::format("{} more in evaluation.json.", counted(static_cast<int64_t>(order.size() - shown), "label")), 2,
        kDim);
  }
}

void print_settings(TerminalPage& page, const EvaluatedModel& model) {
  const std::string settings = settings_words(model);
  if (!settings.empty()) page.paragraph(printable("With " + settings + "."), 2, kDim);
}

void print_against(TerminalPage& page, const Evaluation& evaluation) {
  if (!evaluation.against) return;
  page.line("");
  page.paragraph("Against " + printable(model_words(evaluation.against->model)), 0, kBold);
  print_settings(page, evaluation.against->model);
  for (const std::string& sentence : against_sentences(evaluation)) page.paragraph(sentence, 2);
}

void print_remarks(TerminalPage& page, const Evaluation& evaluation) {
  std::vector<std::string> remarks = label_sentences(evaluation);
  std::ranges::copy(data_sentences(evaluation.data), std::back_inserter(remarks));
  if (evaluation.calibration) remarks.insert(remarks.begin(), calibration_sentence(evaluation));
  if (!remarks.empty()) page.line("");
  for (const std::string& remark : remarks) page.paragraph(printable(remark));
}

void print_files(TerminalPage& page, const Evaluation& evaluation, const TerminalOptions& options) {
  if (options.out_dir.empty()) return;
  page.line("");
  page.line(fmt::format("Report: {}", printable((options.out_dir / "evaluation.html").string())), kBold);
  const bool drawn = !evaluation_figures(evaluation).empty();
  page.paragraph(fmt::format("Also there: evaluation.json{}.", drawn ? ", charts/" : ""), 2);
  page.paragraph(options.remark, 2);
}

}  // namespace

std::string evaluation_text(const Evaluation& evaluation, const TerminalOptions& options) {
  TerminalPage page(options.width, options.color);
  page.paragraph(fmt::format("{} on {} of {}", printable(model_words(evaluation.model)),
                             counted(evaluation.data.texts, "text"), printable(evaluation.data.source)),
                 0, kBold);
  print_settings(page, evaluation.model);
  print_scores(page, evaluation.scores);
  if (evaluation.scores.single) {
    page.paragraph(fmt::format("Always giving the most frequent label would be right for {}.",
                               format_percent(evaluation.scores.single->majority)),
                   2, kDim);
  }
  print_labels(page, evaluation);
  print_remarks(page, evaluation);
  print_against(page, evaluation);
  print_files(page, evaluation, options);
  return page.take();
}

}  // namespace paceline
