#include "bench/scoring_run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/expect_error.h"
#include "bench/testing/bench_run_fixture.h"
#include "results/describe.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

class ScoringRunTest : public BenchRunTest {
 protected:
  void SetUp() override {
    BenchRunTest::SetUp();
    options_.choice.batch_sizes = {8};
    options_.choice.compute_types = {"fp32", "int8"};
    world_.backends["native int8"] = {.fixed_seconds = 0.004, .seconds_per_token = 0.0002};
    world_.backends["onnxruntime int8"] = {.fixed_seconds = 0.004, .seconds_per_token = 0.0003, .padded = true};
    options_.choice.backends = {"native", "onnxruntime"};
    options_.method.budget_seconds = 600;
    label_texts(1500);
  }

  /// Every 10th label is wrong.
  void label_texts(int count) {
    LabelledTexts texts{.summary = {.source = "data.csv", .label_column = "label", .texts_available = count},
                        .scoring = {.rules = {}, .labels = SimulatedWorker::kOutputs},
                        .sequences = {}};
    for (int i = 0; i < count; ++i) {
      const int first = 5000 + i;
      const int right = best_label(first);
      Encoding encoding;
      encoding.input_ids.assign(static_cast<std::size_t>(1 + i % 40), first);
      texts.sequences.encodings.push_back(encoding);
      texts.sequences.begins.push_back(static_cast<std::size_t>(i));
      texts.lengths.push_back(1 + i % 40);
      texts.expected.push_back({.labels = {i % 10 == 5 ? (right + 1) % SimulatedWorker::kOutputs : right}});
      texts.rows.push_back(i + 1);
    }
    texts.sequences.begins.push_back(static_cast<std::size_t>(count));
    subject_.labelled = std::move(texts);
  }

  static int best_label(int first) {
    int best = 0;
    for (int k = 1; k < SimulatedWorker::kOutputs; ++k) {
      if (true_logit(first, k) > true_logit(first, best)) best = k;
    }
    return best;
  }

  const BackendResult& backend(const std::string& words) const {
    return *std::ranges::find_if(results_.backends,
                                 [&](const BackendResult& one) { return backend_words(one) == words; });
  }
};

TEST_F(ScoringRunTest, EveryBackendAndTypeIsScored) {
  run();
  for (const BackendResult& one : results_.backends) {
    ASSERT_TRUE(one.accuracy.has_value()) << backend_words(one) << one.error;
    EXPECT_DOUBLE_EQ(one.accuracy->headline.value, 0.9);
    EXPECT_EQ(one.accuracy->difference.has_value(), backend_words(one) != "native fp32");
  }
  ASSERT_TRUE(results_.labelled.has_value());
  EXPECT_EQ(results_.labelled->texts, 1500);
  EXPECT_EQ(results_.labelled->oracle, "native fp32");
  EXPECT_EQ(results_.constraints.max_accuracy_loss, kDefaultMaxAccuracyLoss);
  EXPECT_THAT(notes(), Not(HasSubstr("labelled")));
  EXPECT_EQ(backend("native int8").gate.basis, GateBasis::kAccuracy);
  EXPECT_TRUE(backend("native int8").gate.accepted);
  EXPECT_EQ(results_.recommendation.choice.compute_type, "int8");
  EXPECT_THAT(results_.recommendation.reason,
              HasSubstr("Its accuracy on 1,500 labelled texts is 90.0 % (95 % interval 88.4 to 91.4 %), 0.00 points"));
}

TEST_F(ScoringRunTest, ATypeThatIsWrongTooOftenIsRejected) {
  options_.constraints.min_agreement = 0.5;
  world_.backends["native int8"].changes_every = 20;
  run();
  EXPECT_FALSE(backend("native int8").gate.accepted);
  EXPECT_TRUE(backend("onnxruntime int8").gate.accepted);
  EXPECT_TRUE(results_.named_type_rejected);
  const auto& rejections = results_.recommendation.rejections;
  const auto why = std::ranges::find(rejections, "native int8", &Rejection::what);
  ASSERT_NE(why, rejections.end());
  EXPECT_THAT(why->why, testing::StartsWith("loses too much: its accuracy changes by -5.00"));
}

/// Texts of 28 labels: their intervals take as long as many batches.
TEST_F(ScoringRunTest, TheTimeOfScoringCounts) {
  std::vector<Contender> contenders(1);
  contenders[0].worker = std::make_unique<SimulatedWorker>(world_, "native fp32");
  const double with_three = expected_scoring(contenders, subject_, 1e9).seconds;
  subject_.labelled->scoring.labels = 28;
  EXPECT_GT(expected_scoring(contenders, subject_, 1e9).seconds, with_three + 0.1);
}

TEST_F(ScoringRunTest, AnswersThatAreNoNumbersAreRefused) {
  world_.backends["native int8"].not_a_number = 5003;  // of the labelled texts alone
  run();
  EXPECT_FALSE(backend("native int8").gate.accepted);
  EXPECT_FALSE(backend("native int8").accuracy.has_value());
  EXPECT_THAT(backend("native int8").gate.verdict, HasSubstr("labelled texts are not numbers"));
}

TEST_F(ScoringRunTest, AnOracleWithoutAnswersLeavesAgreementAndSaysSo) {
  world_.backends["native fp32"].not_a_number = 5003;
  run();
  EXPECT_THAT(notes(), HasSubstr("No accuracy was measured: native fp32"));
  EXPECT_EQ(results_.labelled->texts, 0);
  EXPECT_TRUE(backend("native int8").gate.accepted);
  EXPECT_FALSE(backend("native int8").accuracy.has_value());
}

TEST_F(ScoringRunTest, FewerTextsWhereTheTimeIsShortAndOfTheSameDraw) {
  options_.method.budget_seconds = 240;
  run();
  EXPECT_EQ(results_.labelled->texts, 750);
  EXPECT_THAT(notes(), HasSubstr("The accuracy is of 750 of the 1,500 labelled texts, chosen at random to keep the "
                                 "budget."));
  const double first = backend("native fp32").accuracy->headline.value;
  results_.notes.clear();
  run();
  EXPECT_EQ(backend("native fp32").accuracy->headline.value, first);
}

TEST_F(ScoringRunTest, WhereTheFewestDoNotFitItIsSaidBefore) {
  options_.method.budget_seconds = 10;
  std::string extra;
  options_.listener.on_extra = [&](const std::string& words) { extra += words; };
  run();
  EXPECT_EQ(results_.labelled->texts, static_cast<int64_t>(kFewestLabelledTexts));
  EXPECT_THAT(extra, HasSubstr("for 625 labelled texts, and fewer would tell too little. The whole run takes at "
                               "least"));
}

TEST_F(ScoringRunTest, AccuracyLimitsTheRecommendation) {
  options_.constraints.max_accuracy_loss = 0.1;
  world_.backends["native int8"].changes_every = 20;
  options_.constraints.min_accuracy = 0.88;
  run();
  EXPECT_TRUE(backend("native int8").gate.accepted);
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(backend_words(results_.recommendation.choice), "onnxruntime int8");
  const auto& rejections = results_.recommendation.rejections;
  const auto why = std::ranges::find(rejections, "native int8", &Rejection::what);
  ASSERT_NE(why, rejections.end());
  EXPECT_THAT(why->why, HasSubstr("has accuracy of 85.0 %"));
  EXPECT_THAT(why->why, HasSubstr("88.0 % was asked for"));
}

/// A limit is compared with the figure on these texts; that it is of these texts alone is said.
TEST_F(ScoringRunTest, AnIntervalAcrossTheLimitIsSaid) {
  options_.constraints.min_accuracy = 0.895;
  run();
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason,
              HasSubstr("--min-accuracy looks at these texts alone: on others like them "
                        "it may be below 89.5 %."));
  options_.constraints.min_accuracy = 0.8;
  run();
  EXPECT_THAT(results_.recommendation.reason, Not(HasSubstr("--min-accuracy")));
}

TEST_F(ScoringRunTest, ThePlanSaysWhatTheAccuracyIs) {
  world_.backends["native int8"].changes_every = 20;
  options_.method.dry_run = true;
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_THAT(plan, HasSubstr("  Accuracy on 1,500 labelled texts: native fp32 90.0 %, native int8 85.0 % (rejected), "
                              "onnxruntime fp32 90.0 %"));
}

TEST_F(ScoringRunTest, WhereNothingIsGoodEnoughTheNearestIsNamed) {
  options_.constraints.min_accuracy = 0.95;
  world_.backends["onnxruntime fp32"].logit_error = 0.01;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("(--min-accuracy). The nearest is native fp32: it has accuracy "
                                                        "of 90.0 % (95 % interval 88.4 to 91.4 %), 95.0 % was asked "
                                                        "for."));
}

TEST_F(ScoringRunTest, WhereTheGateRejectsAllTheNearestIsNamed) {
  options_.choice.compute_types = {"int8"};
  world_.backends["native int8"].changes_every = 20;
  world_.backends["onnxruntime int8"].changes_every = 10;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason,
              HasSubstr("the gate accepted no backend. The nearest is native int8: its accuracy changes by -5.00"));
}

TEST_F(ScoringRunTest, SavedRoundsAreOfTheLabelsToo) {
  const TemporaryFolder out;
  options_.method.protocol = Protocol::kArticle;
  options_.method.rounds_dir = out.path();
  subject_.workload.encodings.resize(60);
  subject_.workload.texts.resize(60);
  summarize(subject_.workload);
  run();
  const double all = spent();
  remove_saved_rounds(out.path());
  world_.interrupt_at = world_.now + 0.8 * all;
  run();
  ASSERT_TRUE(results_.interrupted);
  ASSERT_TRUE(std::filesystem::exists(saved_rounds(out.path())));
  forget_stop();
  options_.method.resume = true;
  subject_.labelled->expected[7].labels = {0};
  subject_.labelled->expected[8].labels = {0};
  subject_.labelled->expected[9].labels = {0};
  expect_error(
      ErrorCode::kUnsupported, [&] { run(); }, "labelled texts was");
  label_texts(1500);
  results_ = {};
  results_.workload = subject_.workload.summary;
  run();
  EXPECT_FALSE(results_.unfinished);
  EXPECT_EQ(results_.continued, 1);
  EXPECT_EQ(results_.labelled->texts, 1500);
}

}  // namespace
}  // namespace paceline
