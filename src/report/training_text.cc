#include <fmt/format.h>

#include "report/evaluation_words.h"
#include "report/terminal_page.h"
#include "report/training_report.h"
#include "report/training_words.h"
#include "words/counted.h"
#include "words/printable.h"

namespace paceline {

std::string training_text(const Training& training, const TerminalOptions& options) {
  TerminalPage page(options.width, options.color);
  for (const std::string& sentence : training_sentences(training)) page.paragraph(printable(sentence));
  page.line("");
  page.paragraph(
      fmt::format("On {} of {}", counted(training.evaluation.data.texts, "text"), printable(training.eval.source)), 0,
      kBold);
  std::vector<TextRow> rows;
  for (const NamedScore& score : named_scores(training.evaluation.scores)) {
    rows.push_back({.cells = {score.name, score.value, score.interval}});
  }
  page.table({{"figure"}, {"value", true}, {"95 % interval", true}}, std::move(rows));
  page.line("");
  page.line(fmt::format("Model:  {}", printable(options.out_dir.string())), kBold);
  page.line(fmt::format("Report: {}", printable((options.out_dir / "report.html").string())));
  page.paragraph("Also there: README.md, training.json, charts/.", 2);
  page.paragraph(options.remark, 2);
  return page.take();
}

}  // namespace paceline
