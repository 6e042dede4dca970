#include "report/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "results/testing/example_results.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double kTolerance = 0.02;

CellResult cell(const Configuration& configuration, const Estimate& ms, bool confirmed = true) {
  CellResult is;
  is.configuration = configuration;
  is.ms_per_text = ms;
  is.confirmed = confirmed;
  is.rounds = 10;
  return is;
}

const Configuration kA{.backend = "native", .batch_size = 8, .order = Order::kLength, .threads = 2};
const Configuration kB{.backend = "native", .batch_size = 64, .order = Order::kLength, .threads = 2};

BenchResults run(std::vector<CellResult> cells) {
  BenchResults results;
  results.cells = std::move(cells);
  return results;
}

TEST(CompareTest, TheSameRunHasNotChanged) {
  const Comparison same = compare_results(example_results(), example_results(), kTolerance);
  EXPECT_THAT(same.differences, IsEmpty());
  EXPECT_THAT(same.lost, IsEmpty());
  EXPECT_EQ(same.cells.size(), 42u);
  for (const ComparedCell& is : same.cells) {
    EXPECT_EQ(is.ratio.median, 1);
    EXPECT_EQ(is.change, Change::kUnclear);
  }
  EXPECT_TRUE(same.comparable());
  EXPECT_FALSE(same.regressed());
}

TEST(CompareTest, ARegressionIsConfirmedAndBeyondTheToleranceAsAWhole) {
  const Estimate before = example::around(10, 0.001);
  const auto verdict = [&](double ms, bool confirmed_before, bool confirmed_after) {
    return compare_results(run({cell(kA, before, confirmed_before)}),
                           run({cell(kA, example::around(ms, 0.001), confirmed_after)}), kTolerance);
  };
  EXPECT_TRUE(verdict(10.5, true, true).regressed());
  EXPECT_FALSE(verdict(10.5, false, true).regressed());
  EXPECT_FALSE(verdict(10.5, true, false).regressed());
  EXPECT_FALSE(verdict(9.5, true, true).regressed());
  // 2.1 % slower, but its interval, of some 0.14 % either way, begins below the tolerance of 2 %.
  const Comparison near = verdict(10.21, true, true);
  EXPECT_EQ(near.cells[0].change, Change::kSlower);
  EXPECT_FALSE(near.regressed());
}

TEST(CompareTest, ConfirmedFirstThenTheSlowest) {
  const Configuration other{.backend = "onnxruntime", .batch_size = 8, .threads = 2};
  const Estimate ten = example::around(10, 0.01), eleven = example::around(11, 0.01), nine = example::around(9, 0.01);
  const Comparison found = compare_results(run({cell(kA, ten), cell(kB, ten), cell(other, ten, false)}),
                                           run({cell(kA, nine), cell(kB, eleven), cell(other, eleven, false)}), 0);
  ASSERT_EQ(found.cells.size(), 3u);
  EXPECT_EQ(found.cells[0].later, kB);
  EXPECT_EQ(found.cells[0].change, Change::kSlower);
  EXPECT_EQ(found.cells[1].later, kA);
  EXPECT_EQ(found.cells[1].change, Change::kFaster);
  EXPECT_EQ(found.cells[2].later, other);
}

TEST(CompareTest, EveryPartOfAConfigurationHasToMatch) {
  Configuration changed = kA;
  changed.instances = 2;
  const Estimate ten = example::around(10, 0.01);
  const Comparison found = compare_results(run({cell(kA, ten)}), run({cell(changed, ten)}), kTolerance);
  EXPECT_THAT(found.cells, IsEmpty());
  EXPECT_THAT(found.only_earlier, ElementsAre(kA));
  EXPECT_THAT(found.only_later, ElementsAre(changed));
}

TEST(CompareTest, RecommendedAgainstRecommendedWhateverTheyAre) {
  BenchResults before = run({cell(kA, example::around(10, 0.001))}),
               after = run({cell(kB, example::around(11, 0.001))});
  before.recommendation.valid = after.recommendation.valid = true;
  before.recommendation.choice = kA;
  after.recommendation.choice = kB;
  const Comparison found = compare_results(before, after, kTolerance);
  ASSERT_TRUE(found.recommended.has_value());
  EXPECT_EQ(found.recommended->later, kB);
  EXPECT_NEAR(found.recommended->ratio.median, 1.1, 1e-12);
  EXPECT_TRUE(found.regressed());
}

TEST(CompareTest, OtherTextsAndOtherModelsAreNotComparable) {
  BenchResults later = example_results();
  later.workload.mean_tokens = 64;
  EXPECT_FALSE(compare_results(example_results(), later, kTolerance).comparable());
  later = example_results();
  later.workload.token_histogram[0] += 1;
  EXPECT_FALSE(compare_results(example_results(), later, kTolerance).comparable());
  later = example_results();
  later.checkpoint.parameters = 1000;
  EXPECT_FALSE(compare_results(example_results(), later, kTolerance).comparable());
}

TEST(CompareTest, ARetrainedModelAnotherMachineAndVersionsAreSaidGravestFirst) {
  BenchResults later = example_results();
  later.backends[0].version = "0.2.0";
  later.machine.cpu = "another CPU";
  later.checkpoint.hash = "another hash";
  later.workload.texts = 10;
  const Comparison found = compare_results(example_results(), later, kTolerance);
  ASSERT_EQ(found.differences.size(), 4u);
  EXPECT_EQ(found.differences[0].what, "the texts");
  EXPECT_EQ(found.differences[1].what, "the checkpoint's hash");
  EXPECT_EQ(found.differences[2].later, "another CPU");
  EXPECT_EQ(found.differences[3].what, "native fp32");
}

TEST(CompareTest, ThePageAndTheJsonSayWhatWasFound) {
  const Comparison slower = compare_results(run({cell(kA, example::around(10, 0.001))}),
                                            run({cell(kA, example::around(12, 0.001))}), kTolerance);
  EXPECT_THAT(comparison_text(slower, {.width = 100}), HasSubstr("Slower beyond the tolerance of 2.0 %."));
  EXPECT_THAT(comparison_text(slower, {.width = 100}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(comparison_text(slower, {.width = 100, .color = true}), HasSubstr("\x1b"));
  const Json json = Json::parse(comparison_json(slower));
  EXPECT_EQ(json.at("regressed"), true);
  EXPECT_EQ(json.at("recommended"), nullptr);
  EXPECT_EQ(json.at("configurations").at(0).at("change"), "slower");
  EXPECT_NEAR(json.at("configurations").at(0).at("ratio").at("median"), 1.2, 1e-12);
}

TEST(CompareTest, ARunThatIsNotWholeAndAFigureWithoutIntervalAreSaid) {
  const Estimate one{.median = 10, .low = 10, .high = 10};
  BenchResults before = run({cell(kA, one), cell(kB, one, false)}), after = before;
  before.interrupted = true;
  after.dry_run = true;
  const Comparison found = compare_results(before, after, kTolerance);
  const std::string page = comparison_text(found, {.width = 100});
  EXPECT_THAT(page, HasSubstr("The earlier run was interrupted"));
  EXPECT_THAT(page, HasSubstr("The later run was only planned"));
  EXPECT_THAT(page, HasSubstr("no interval: too few rounds"));
  EXPECT_THAT(page, HasSubstr("Exploratory, no interval as there were too few rounds: 1 configuration."));
  EXPECT_EQ(Json::parse(comparison_json(found)).at("notes").size(), 2u);
  EXPECT_THAT(compare_results(after, before, kTolerance).notes,
              ElementsAre(HasSubstr("earlier run was only"), HasSubstr("later run was interrupted")));
}

TEST(CompareTest, LosingTheGateOrTheRecommendationIsARegression) {
  BenchResults later = example_results();
  later.backends[1].gate.accepted = false;
  later.backends[1].gate.verdict = "12 of 256 texts got another label.";
  Comparison found = compare_results(example_results(), later, kTolerance);
  ASSERT_EQ(found.lost.size(), 1u);
  EXPECT_THAT(found.lost[0], HasSubstr("onnxruntime fp32"));
  EXPECT_THAT(found.lost[0], HasSubstr("12 of 256"));
  EXPECT_TRUE(found.regressed());
  later = example_results();
  later.recommendation.valid = false;
  later.recommendation.reason = "Nothing respects the constraints.";
  found = compare_results(example_results(), later, kTolerance);
  EXPECT_FALSE(found.recommended.has_value());
  EXPECT_THAT(found.lost, ElementsAre(HasSubstr("Nothing respects")));
}

TEST(CompareTest, FailedCellsAreNotCompared) {
  BenchResults later = example_results();
  later.cells[0].error = "killed by signal 9";
  const Comparison found = compare_results(example_results(), later, kTolerance);
  EXPECT_EQ(found.cells.size(), 41u);
  EXPECT_THAT(found.only_earlier, ElementsAre(later.cells[0].configuration));
  EXPECT_THAT(comparison_text(found, {.width = 100}), HasSubstr("Only in the earlier run: 1 configuration."));
}

TEST(CompareTest, NothingAgainstNothing) {
  const Comparison found = compare_results({}, {}, kTolerance);
  EXPECT_THAT(found.cells, IsEmpty());
  EXPECT_FALSE(found.regressed());
}

TEST(CompareTest, AccuracyIsShownWhereBothHaveIt) {
  const BenchResults earlier = labelled_results();
  BenchResults later = labelled_results();
  later.backends[0].accuracy->headline = {0.9, 0.89, 0.91};
  const Comparison is = compare_results(earlier, later, kTolerance);
  EXPECT_THAT(is.differences, IsEmpty());
  ASSERT_EQ(is.accuracies.size(), 9u);
  EXPECT_EQ(is.accuracies[0].backend, "native fp32");
  EXPECT_THAT(comparison_text(is, {.width = 120}),
              HasSubstr("native fp32: 91.2 % (95 % interval 89.9 to 92.4 %) -> 90.0 % (95 % interval 89.0 to 91.0 %)"));
  EXPECT_EQ(parse_json(comparison_json(is), "comparison").at("accuracies").at(0).at("later").at("value"), 0.9);
  later.labelled->source = "other.csv";
  EXPECT_THAT(compare_results(earlier, later, kTolerance).differences[0].what, "the labelled texts");
  later.labelled->metric = Metric::kMicroF1;
  EXPECT_THAT(compare_results(earlier, later, kTolerance).accuracies, IsEmpty());
  const Comparison without = compare_results(article_results(), later, kTolerance);
  EXPECT_THAT(without.accuracies, IsEmpty());
  EXPECT_FALSE(parse_json(comparison_json(without), "comparison").contains("accuracies"));
}

}  // namespace
}  // namespace paceline
