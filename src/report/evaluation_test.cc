#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "metrics/multi_label.h"
#include "metrics/regression.h"
#include "metrics/single_label.h"
#include "report/evaluation_charts.h"
#include "report/evaluation_report.h"
#include "report/evaluation_text.h"
#include "report/evaluation_words.h"
#include "results/evaluation_json.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Three labels, eight texts of which five are right; one label has markup in its name.
Evaluation example() {
  const SingleLabels texts{3, {0, 0, 0, 1, 1, 1, 2, 0}, {0, 0, 0, 1, 0, 1, kNothingPredicted, 1}};
  Evaluation evaluation{.paceline_version = "0.2.0", .build_id = "test", .command = "paceline evaluate model"};
  evaluation.model.checkpoint.model_dir = "/models/example";
  evaluation.model.checkpoint.labels = {"<b>spam", "ham", "rare"};
  evaluation.model.backend = "native";
  evaluation.model.compute_type = "fp32";
  evaluation.data = {.source = "test.csv",
                     .label_column = "label",
                     .texts = 8,
                     .skipped = {{"no label", 1, "[row 9] no label, expected one."}}};
  evaluation.scores.single = score(texts);
  evaluation.confusion = count_confusion(texts);
  std::vector<float> logits;
  for (int i = 0; i < 8; ++i) logits.insert(logits.end(), {2.0F, 0.1F * static_cast<float>(i), -1.0F});
  evaluation.calibration = calibrate_single(logits, texts.expected, 3);
  evaluation.wrong = {{.row = 5, .text = "a <script> text", .expected = "ham", .predicted = "<b>spam", .loss = 1.5}};
  return evaluation;
}

EvaluatedAgainst other() {
  const SingleLabels mine{3, {0, 0, 1}, {0, 0, 1}};
  const SingleLabels others{3, {0, 0, 1}, {0, 1, 1}};
  EvaluatedAgainst against;
  against.model.checkpoint.model_dir = "/models/other";
  against.model.checkpoint.labels = example().model.checkpoint.labels;
  against.scores.single = score(others);
  against.single = compare(others, mine);
  return against;
}

TEST(EvaluationPage, ShowsFiguresAndEscapesWhatComesFromOutside) {
  Evaluation evaluation = example();
  evaluation.against = other();
  evaluation.model.checkpoint.labels[1] = "ham\xE2\x80\xAE";
  const std::string page = evaluation_html(evaluation);
  EXPECT_THAT(page, HasSubstr("ham\\u202e"));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x80\xAE")));
  for (const char* words :
       {"Right for 62.5 % of 8 texts", "macro-F1", "most frequent label", "&lt;b&gt;spam", "a &lt;script&gt; text",
        "Confusion matrix", "McNemar", "1 row is left out: no label. The first: [row 9]", "Evaluate again"}) {
    EXPECT_THAT(page, HasSubstr(words));
  }
  EXPECT_THAT(page, Not(HasSubstr("<b>spam")));
  EXPECT_THAT(page, Not(HasSubstr("a <script> text")));
}

TEST(EvaluationPage, OfARegressionHasNoPartsOfLabels) {
  Evaluation evaluation = example();
  evaluation.scores = {.regression = score(std::vector<double>{1, 2, 3, 5}, std::vector<double>{1, 2, 4, 4})};
  evaluation.confusion.clear();
  evaluation.calibration.reset();
  const std::string page = evaluation_html(evaluation);
  EXPECT_THAT(page, HasSubstr("Pearson"));
  EXPECT_THAT(page, Not(HasSubstr("Confusions")));
  EXPECT_THAT(page, Not(HasSubstr("Probabilities")));
  EXPECT_TRUE(evaluation_figures(evaluation).empty());
}

TEST(EvaluationWords, SettingsAreThoseThatWereAskedFor) {
  EvaluatedModel model;
  EXPECT_EQ(settings_words(model), "");
  model.plan = "fast/plan.json";
  model.labels = {.threshold = 0.25F, .label_thresholds = {{"ham", 0.5F}}, .class_weights = {{"spam", 2.0F}}};
  model.long_texts = {.mode = LongTextOptions::Mode::kWindow, .stride = 16};
  EXPECT_EQ(settings_words(model),
            "plan fast/plan.json; threshold 0.25; thresholds 0.5 for ham; class weights 2 for spam; windows that share "
            "16 tokens, mean over probabilities");
}

TEST(EvaluationWords, LabelsWithoutATextOrWithOneAreNamed) {
  Evaluation evaluation = example();
  EXPECT_THAT(label_sentences(evaluation),
              testing::ElementsAre("Only one text has this label, so that its figures say little: rare."));
  evaluation.scores = {.multi = score(MultiLabels{3, {1, 0, 0, 1, 0, 0}, {1, 0, 0, 1, 0, 0}, {2, 1, 0, 1, 2, 0}})};
  EXPECT_THAT(label_sentences(evaluation), testing::ElementsAre(HasSubstr("No text of the data has these labels: ham, "
                                                                          "rare. Average precision is the mean over")));
}

TEST(EvaluationWords, AFigureThatNeverChangesHasNoInterval) {
  const std::vector<double> huge{1e300, -1e300};
  const std::vector<double> none{0, 0};
  for (const NamedScore& score : named_scores({.regression = score(huge, none)})) {
    EXPECT_EQ(score.interval, "") << score.name;
    EXPECT_LE(score.value.size(), 10U) << score.name;
  }
  const auto scores = named_scores({.single = score(SingleLabels{2, {0, 1}, {0, 1}})});
  EXPECT_NE(scores[0].interval, "") << "Wilson's interval of a share";
  EXPECT_EQ(scores[1].interval, "") << "a bootstrap";
}

TEST(EvaluationWords, FewTextsThatDifferDecideNothing) {
  Evaluation evaluation = example();
  EvaluatedAgainst& against = evaluation.against.emplace();
  against.texts = evaluation.data.texts;
  against.multi = {
      .exact = {0.01, 0.005, 0.02}, .micro_f1 = {0.02, 0.01, 0.03}, .agreement = {0.95, 0.9, 0.97}, .differing = 5};
  EXPECT_THAT(against_sentences(evaluation)[0], HasSubstr("not decided"));
  against.multi->differing = 6;
  EXPECT_EQ(against_sentences(evaluation)[0],
            "Micro-F1: +2.00 points (95 % interval +1.00 to +3.00), better than the other.");
  against.multi->differing = 0;
  EXPECT_THAT(against_sentences(evaluation), testing::ElementsAre("Both give the same labels for every text."));
}

TEST(EvaluationWords, OneTextOfBothIsInTheSingular) {
  Evaluation evaluation = example();
  evaluation.against = other();
  evaluation.against->texts = 1;
  EXPECT_EQ(against_sentences(evaluation).back(), "Only 1 text was answered by both and is compared.");
  evaluation.against->texts = 2;
  EXPECT_EQ(against_sentences(evaluation).back(), "Only 2 texts were answered by both and are compared.");
}

TEST(EvaluationText, FitsItsWidth) {
  Evaluation evaluation = example();
  evaluation.against = other();
  for (const int width : {40, 80}) {
    std::istringstream lines(evaluation_text(evaluation, {.width = width}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), static_cast<std::size_t>(width)) << line;
  }
}

TEST(EvaluationText, SaysWhichOfTwoIsBetterOnlyWhereTheTextsDecide) {
  Evaluation evaluation = example();
  evaluation.against = other();
  evaluation.against->single->accuracy = {0.02, 0.01, 0.03};
  EXPECT_THAT(evaluation_text(evaluation, {.width = 400}), HasSubstr("+3.00), not decided by these texts."));
  evaluation.against->single->only_second = 8;
  EXPECT_THAT(evaluation_text(evaluation, {.width = 400}),
              HasSubstr("Accuracy: +2.00 points (95 % interval +1.00 to +3.00), better than the other."));
}

TEST(EvaluationCharts, PointsStandWhereTheirBinsAre) {
  const Figure figure = reliability_figure(example());
  ASSERT_EQ(figure.panels.size(), 1u);
  ASSERT_EQ(figure.panels[0].lines.size(), 2u);
  int64_t predictions = 0;
  const Evaluation evaluation = example();
  for (const ReliabilityBin& bin : evaluation.calibration->plain.bins) predictions += bin.predictions;
  EXPECT_EQ(predictions, 8);
  for (const Point& point : figure.panels[0].lines[1].points) {
    EXPECT_LE(point.low, point.y);
    EXPECT_GE(point.high, point.y);
    EXPECT_GT(point.x, 33);
  }
}

/// Of 300 labels, each of which one text has; the model gives each the next label, and the last one nothing.
Evaluation of_many_labels() {
  SingleLabels texts{.labels = 300, .expected = {}, .predicted = {}};
  Evaluation evaluation = example();
  evaluation.model.checkpoint.labels.clear();
  for (int32_t k = 0; k < 300; ++k) {
    texts.expected.push_back(k);
    texts.predicted.push_back(k < 299 ? k + 1 : kNothingPredicted);
    evaluation.model.checkpoint.labels.push_back("label " + std::to_string(k));
  }
  evaluation.scores.single = score(texts);
  evaluation.confusion = count_confusion(texts);
  return evaluation;
}

TEST(EvaluationPage, OfManyLabelsShowsTheMostFrequentConfusions) {
  const std::string page = evaluation_html(of_many_labels());
  EXPECT_THAT(page, Not(HasSubstr("Confusion matrix")));
  EXPECT_THAT(page, HasSubstr("The 30 that most texts have, of 300 confusions; evaluation.json has all."));
  EXPECT_THAT(page, HasSubstr("no label reached its threshold"));
}

TEST(EvaluationJson, OfManyLabelsListsTheCellsThatOccur) {
  const Json json = Json::parse(evaluation_json(of_many_labels()));
  EXPECT_FALSE(json.contains("confusion"));
  ASSERT_EQ(json["confusion_cells"].size(), 300u);
  EXPECT_EQ(json["confusion_cells"][0], Json::parse(R"({"expected": "label 0", "predicted": "label 1", "texts": 1})"));
  EXPECT_EQ(json["confusion_cells"][299], Json::parse(R"({"expected": "label 299", "predicted": null, "texts": 1})"));
}

TEST(EvaluationJson, HasEveryFigureOfItsTaskAndNoOther) {
  Evaluation evaluation = example();
  evaluation.against = other();
  const Json json = Json::parse(evaluation_json(evaluation));
  EXPECT_EQ(json["scores"]["accuracy"]["value"], 0.625);
  EXPECT_EQ(json["scores"]["labels"].size(), 3u);
  EXPECT_EQ(json["confusion"], Json::parse("[[3, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 1]]"));
  EXPECT_EQ(json["against"]["difference"]["only_this_right"], 1);
  EXPECT_EQ(json["calibration"]["bins"].size(), 15u);
  EXPECT_EQ(json["most_wrong"][0]["row"], 5);
  EXPECT_FALSE(json["scores"].contains("pearson"));
}

}  // namespace
}  // namespace paceline
