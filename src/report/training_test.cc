#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/json_text.h"
#include "report/training_charts.h"
#include "report/training_report.h"
#include "report/training_words.h"
#include "results/training_json.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Of 200 updates, of which the 100th is the best.
Training example() {
  Training is;
  is.paceline_version = "0.3.0";
  is.command = "paceline finetune out/base --train a.csv";
  is.started_at = "2026-03-02T09:30:00Z";
  is.start.model_dir = "/models/my-encoder";
  is.start.architecture = "bert";
  is.new_head = true;
  is.labels = {"good|bad", "<script>bad"};
  is.problem_type = "single_label_classification";
  is.metric = "accuracy";
  is.train = {.source = "a.csv", .texts = 1000, .tokens = 20000, .longest = 60, .label_texts = {600, 400}};
  is.eval = {.source = "b.csv", .texts = 100, .tokens = 2000, .longest = 50, .label_texts = {60, 40}};
  is.parameters = is.trained_parameters = 1000;
  is.updates = is.planned_updates = 200;
  is.updates_per_epoch = 100;
  is.history.best_update = 100;
  is.history.seconds = 50;
  is.history.texts = 2000;
  for (int64_t update = 1; update <= 200; ++update) {
    is.history.losses.push_back(
        {.update = update, .loss = 1.0 / static_cast<double>(update), .learning_rate = 1e-5, .gradient_norm = 1});
  }
  is.history.evaluations = {{.update = 100, .epoch = 1, .loss = 0.3, .metric = 0.9, .low = 0.82, .high = 0.95},
                            {.update = 200, .epoch = 2, .loss = 0.4, .metric = 0.88, .low = 0.8, .high = 0.93}};
  is.evaluation.data.texts = 100;
  is.evaluation.scores.single = {.texts = 100,
                                 .accuracy = {0.9, 0.82, 0.95},
                                 .macro_f1 = {0.89, 0.8, 0.94},
                                 .majority = 0.6,
                                 .labels = {{60, 58, 54}, {40, 42, 36}}};
  return is;
}

TEST(TrainingCharts, ThinOutWhatCannotBeShown) {
  const Figure loss = training_loss_figure(example());
  ASSERT_EQ(loss.panels.size(), 1u);
  const std::vector<Point>& learnt = loss.panels[0].lines[0].points;
  EXPECT_EQ(learnt.size(), 50u);
  EXPECT_EQ(learnt.front().x, 4);
  EXPECT_DOUBLE_EQ(learnt.front().y, (1.0 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 4);
  EXPECT_EQ(learnt.back().x, 200);
  EXPECT_EQ(loss.panels[0].lines[1].points.size(), 2u);
}

TEST(TrainingCharts, TheKeptEvaluationIsMarkedAndIntervalsHaveRoom) {
  const Panel panel = training_metric_figure(example()).panels[0];
  EXPECT_EQ(panel.rules[0].x, 100);
  EXPECT_LE(panel.y.scale.low, 0.8);
  EXPECT_GE(panel.y.scale.high, 0.95);
  EXPECT_THAT(panel.lines[0].points[0].tooltip, HasSubstr("accuracy 90.0 % (95 % interval 82.0 % to 95.0 %)"));
}

TEST(TrainingPage, SaysWhatWasDone) {
  const std::string page = training_html(example());
  EXPECT_THAT(page, HasSubstr("accuracy 90.0 % on 100 texts"));
  EXPECT_THAT(page, HasSubstr("The weights are those of update 100, the best of 2 evaluations by accuracy on b.csv."));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;bad"));
  EXPECT_THAT(page, Not(HasSubstr("<script>bad")));
}

TEST(TrainingPage, ShowsWhatTurnsTheDirectionOfWriting) {
  Training is = example();
  is.labels[0] = "good\xE2\x80\xAE";
  is.train.source = "a\n\xE2\x81\xA6.csv";
  for (const std::string& text : {training_html(is), model_card(is)}) {
    EXPECT_THAT(text, HasSubstr("good\\u202e"));
    EXPECT_THAT(text, HasSubstr("a\\n\\u2066.csv"));
    EXPECT_THAT(text, Not(HasSubstr("\xE2\x80\xAE")));
    EXPECT_THAT(text, Not(HasSubstr("\xE2\x81\xA6")));
  }
}

TEST(ModelCard, IsMarkdownThatTheHubReads) {
  const std::string card = model_card(example());
  EXPECT_TRUE(card.starts_with("---\nlibrary_name: transformers\n"));
  EXPECT_THAT(card, HasSubstr("base_model: \"my-encoder\""));
  EXPECT_THAT(card, HasSubstr("| accuracy | 90.0 % | 82.0 to 95.0 % |"));
  EXPECT_THAT(card, HasSubstr("| good\\|bad | 600 | 60 | 0.915 |"));
  EXPECT_THAT(card, HasSubstr("| a.csv | 1,000 | 20,000 | 60 |"));
  EXPECT_THAT(card, HasSubstr("    paceline finetune out/base --train a.csv\n"));
}

TEST(TrainingJson, HasTheTextsOfEachLabelInTheLabelsOrder) {
  Training is = example();
  is.labels = {"z", "a", "z"};
  is.train.label_texts = {1, 2, 3};
  is.evaluation.scores.single->labels.resize(3);
  const std::string json = training_json(is);
  EXPECT_EQ(OrderedJson::parse(json)["train"]["label_texts"].dump(), R"({"z":3,"a":2})") << "of one name, the last";
}

TEST(TrainingWords, NameWhatIsSpecial) {
  Training is = example();
  is.overlap = 3;
  is.end = TrainingEnd::kPatience;
  is.planned_updates = 500;
  is.recipe.patience = 1;
  is.trained_parameters = 10;
  is.length_relation = {.measure = "eta^2", .value = 0.5, .go_together = true};
  const std::string said = training_text(is, {.width = 200, .out_dir = "out"});
  EXPECT_THAT(said, HasSubstr("It ended before all 500 updates: 1 evaluation brought no gain."));
  EXPECT_THAT(said, HasSubstr("10 of 1,000 parameters were trained"));
  const auto data = training_data_sentences(is);
  EXPECT_THAT(data, testing::ElementsAre("3 texts of a.csv stand in b.csv, too: the figures are too good by them.",
                                         "Label and length of a text: eta^2 0.500, they go together."));
}

TEST(TrainingWords, SentencesOnDataAreWhole) {
  Training is = example();
  is.length_relation = {};
  is.train.rows_skipped = 10;
  is.train.empty_texts = 2;
  is.train.truncated = 1020;
  is.eval.empty_texts = 1;
  is.eval.truncated = 1;
  is.overlap = 1;
  EXPECT_THAT(training_data_sentences(is),
              testing::ElementsAre("12 rows of a.csv were left out: 10 could not be read, 2 had no text.",
                                   "1,020 texts of a.csv were longer than the model reads and were cut.",
                                   "1 row of b.csv was left out: 0 could not be read, 1 had no text.",
                                   "1 text of b.csv was longer than the model reads and was cut.",
                                   "1 text of a.csv stands in b.csv, too: the figures are too good by it."));
  EXPECT_THAT(model_card(is), HasSubstr("\n- 1,020 texts of a.csv were longer than the model reads and were cut.\n"));
}

}  // namespace
}  // namespace paceline
