#include <fmt/format.h>

#include <string>

#include "base/json.h"
#include "report/evaluation_words.h"
#include "report/html_page.h"
#include "report/training_report.h"
#include "report/training_words.h"
#include "words/counted.h"
#include "words/markup.h"
#include "words/numbers.h"
#include "words/printable.h"

namespace paceline {
namespace {

/// Labels of a longer list stand in config.json.
constexpr std::size_t kListedLabels = 50;

/// A cell of a table of Markdown.
std::string cell(const std::string& text) {
  std::string out;
  for (const char letter : escape_markup(text)) {
    if (letter == '|') out += '\\';
    out += letter;
  }
  return out;
}

/// A string of YAML: those of JSON are.
std::string yaml(const std::string& text) { return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string front_matter(const Training& training) {
  return fmt::format(
      "---\nlibrary_name: transformers\npipeline_tag: text-classification\nbase_model: {}\ntags:\n- paceline\n---\n\n",
      yaml(model_name(training.start.model_dir)));
}

std::string scores_table(const Training& training) {
  std::string table = "| figure | value | 95 % interval |\n|---|---|---|\n";
  for (const NamedScore& score : named_scores(training.evaluation.scores)) {
    table += fmt::format("| {} | {} | {} |\n", score.name, score.value, score.interval);
  }
  return table;
}

std::string data_table(const Training& training) {
  std::string table = "| file | texts | tokens | longest |\n|---|---|---|---|\n";
  for (const TrainingSplit* split : {&training.train, &training.eval}) {
    table += fmt::format("| {} | {} | {} | {} |\n", cell(split->source), format_count(split->texts),
                         format_count(split->tokens), format_count(split->longest));
  }
  return table;
}

std::string labels_table(const Training& training) {
  const std::vector<LabelCounts>* labels = labels_of(training.evaluation.scores);
  if (labels == nullptr) return "";
  std::string table = "\n| label | train texts | eval texts | F1 |\n|---|---|---|---|\n";
  for (std::size_t k = 0; k < std::min(labels->size(), kListedLabels); ++k) {
    table +=
        fmt::format("| {} | {} | {} | {} |\n", cell(training.labels[k]), format_count(training.train.label_texts[k]),
                    format_count((*labels)[k].expected), format_decimals((*labels)[k].f1(), 3));
  }
  if (labels->size() > kListedLabels) {
    table += fmt::format("\n{} more in config.json.\n",
                         counted(static_cast<int64_t>(labels->size() - kListedLabels), "label"));
  }
  return table;
}

}  // namespace

std::string model_card(const Training& training) {
  std::string card = front_matter(training);
  card += fmt::format("# A {} classifier from {}\n\n", training.start.architecture,
                      cell(model_name(training.start.model_dir)));
  for (const std::string& sentence : training_sentences(training)) card += cell(sentence) + "\n";
  card += fmt::format(
      "\n## How good is it?\n\nOn {} of {}. This file chose which weights are kept, so the figures are a "
      "little better than on new texts.\n\n{}{}",
      counted(training.evaluation.data.texts, "text"), cell(training.eval.source), scores_table(training),
      labels_table(training));
  card += fmt::format("\n## What was it trained on?\n\n{}\n", data_table(training));
  for (const std::string& sentence : training_data_sentences(training)) card += "- " + cell(sentence) + "\n";
  card += "\n## How was it trained?\n\n| setting | value |\n|---|---|\n";
  for (const RecipeLine& line : recipe_lines(training)) {
    card += fmt::format("| {} | {} |\n", line.name, cell(line.value));
  }
  card += fmt::format("\n    {}\n\nPaceline {}, {}. `training.json` has every figure, `report.html` the curves.\n",
                      printable(training.command), training.paceline_version, training.build_id);
  return card;
}

}  // namespace paceline
