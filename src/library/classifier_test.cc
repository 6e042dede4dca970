#include "paceline/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";

TEST(Classifier, GivesTheBestLabelsOfEachTextInOrder) {
  Classifier classifier(kModel, {.threads = 1});
  EXPECT_EQ(classifier.labels(), (std::vector<std::string>{"low", "middle", "high"}));
  EXPECT_EQ(classifier.backend().name, "native");
  EXPECT_EQ(classifier.backend().threads, 1);
  const std::vector<std::string> texts = {"hello world", "", "a much longer text a much longer text", "last"};
  const auto all = classifier.classify(texts, 0);
  ASSERT_EQ(all.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(all[i].size(), 3U);
    EXPECT_GE(all[i][0].score, all[i][1].score);
    EXPECT_NEAR(all[i][0].score + all[i][1].score + all[i][2].score, 1, 3 * 6e-8);
    const ScoredLabel one = classifier.classify_one(texts[i]);
    EXPECT_EQ(one.label, all[i][0].label);
    EXPECT_EQ(one.score, all[i][0].score);
  }
  EXPECT_EQ(classifier.classify(texts, 2)[3].size(), 2U);
  EXPECT_TRUE(classifier.classify(std::vector<std::string>{}).empty());
}

TEST(Classifier, LogitsAreWhatLabelsComeFrom) {
  Classifier classifier(kModel, {.threads = 1});
  const std::vector<std::string> texts = {"hello world", "last"};
  const std::vector<float> logits = classifier.logits(texts);
  ASSERT_EQ(logits.size(), 6U);
  const auto best = std::max_element(logits.begin() + 3, logits.end()) - (logits.begin() + 3);
  EXPECT_EQ(classifier.labels()[static_cast<std::size_t>(best)], classifier.classify_one("last").label);
}

TEST(Classifier, APairIsNotItsFirstText) {
  Classifier classifier(kModel, {.threads = 1});
  const std::vector<TextPair> pairs = {{"a", "b"}, {"a", "c d"}};
  const std::vector<float> logits = classifier.logits(pairs);
  EXPECT_NE(std::vector(logits.begin(), logits.begin() + 3), std::vector(logits.begin() + 3, logits.end()));
  EXPECT_EQ(classifier.classify(pairs).size(), 2U);
}

TEST(Classifier, OptionsChangeHowNotWhat) {
  const std::vector<std::string> texts(30, "one more text");
  Classifier plain(kModel);
  Classifier many(kModel, {.threads = 1, .instances = 2, .batch_size = 3});
  EXPECT_EQ(plain.logits(texts), many.logits(texts));
  Classifier moved = std::move(many);
  EXPECT_EQ(plain.logits(texts), moved.logits(texts));
}

TEST(Classifier, RefusesWhatItCannotDo) {
  Classifier classifier(kModel, {.threads = 1});
  const std::vector<std::string> bad = {"good", "b\xff"};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { classifier.classify(bad); }, "1", "UTF-8");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { classifier.classify(std::vector<std::string>{"a"}, -1); }, "top_k is -1");
  const auto open = [](const std::filesystem::path& model, const ClassifierOptions& options) {
    return [=] { Classifier(model, options); };
  };
  expect_error(ErrorCode::kNotFound, open("/nowhere", {}), "/nowhere");
  expect_error(ErrorCode::kNotFound, open("/nowhere/plan.json", {}), "plan.json");
  expect_error(ErrorCode::kUnsupported, open(PACELINE_TESTDATA "/models/roberta-encoder", {}),
               "without a classification");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.backend = "natve"}), "natve", "native");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.compute_type = "int3"}), "int3");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.threads = -2}), "-2");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.instances = 0}), "0 were given");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.batch_size = -1}), "batch_size -1");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.batch_size = 0}), "one has to limit a batch");
  expect_error(ErrorCode::kInvalidArgument, open(kModel, {.file = "mine.onnx"}), "mine.onnx");
}

TEST(Classifier, ThresholdsWeightsAndTheProblemType) {
  Classifier plain(kModel, {.threads = 1});
  EXPECT_EQ(plain.problem_type(), "single_label_classification");
  const ScoredLabel best = plain.classify_one("hello");
  Classifier strict(kModel, {.threads = 1, .labels = LabelOptions{.threshold = 1.0F}});
  EXPECT_TRUE(strict.classify(std::vector<std::string>{"hello"}).front().empty());
  EXPECT_EQ(strict.classify_one("hello").label, "");
  EXPECT_EQ(strict.classify_one("hello").score, best.score);
  Classifier weighted(kModel, {.threads = 1, .labels = LabelOptions{.class_weights = {{best.label, 1e-6F}}}});
  EXPECT_NE(weighted.classify_one("hello").label, best.label);
  expect_error(
      ErrorCode::kInvalidArgument,
      [] {
        Classifier(kModel, {.labels = LabelOptions{.class_weights = {{"hihg", 2.0F}}}});
      },
      "hihg", "high");
}

TEST(Classifier, WindowsReadTheWholeText) {
  std::string text = "hello";
  for (int i = 0; i < 300; ++i) text += " and more";
  const std::vector<std::string> texts = {text + " one", text + " two", "short"};
  Classifier cut(kModel, {.threads = 1});
  LongTextOptions options{.mode = LongTextOptions::Mode::kWindow, .stride = 2};
  Classifier whole(kModel, {.threads = 1, .long_texts = options});
  const std::vector<float> logits = whole.logits(texts);
  EXPECT_NE(logits[0], logits[3]) << "the texts differ at their end";
  const std::vector<float> first = cut.logits(texts);
  EXPECT_EQ(first[0], first[3]);
  EXPECT_EQ(std::vector(logits.begin() + 6, logits.end()), std::vector(first.begin() + 6, first.end()));
  options.combine = LongTextOptions::Combine::kFirst;
  EXPECT_EQ(Classifier(kModel, {.threads = 1, .long_texts = options}).logits(texts), first);
  options.stride = 100000;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { Classifier(kModel, {.long_texts = options}); }, "100000");
}

}  // namespace
}  // namespace paceline
