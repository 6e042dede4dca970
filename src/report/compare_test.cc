#include "report/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "results/testing/example_results.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST(RatioTest, AddsTheSquaresOfSymmetricIntervals) {
  // By hand, on the logarithmic scale: 3 and 4 parts in a hundred either way make 5.
  const double e = std::exp(1.0);
  const Estimate later{.median = 20, .low = 20 * std::pow(e, -0.03), .high = 20 * std::pow(e, 0.03)};
  const Estimate earlier{.median = 10, .low = 10 * std::pow(e, -0.04), .high = 10 * std::pow(e, 0.04)};
  const Estimate ratio = ratio_of(later, earlier);
  EXPECT_DOUBLE_EQ(ratio.median, 2);
  EXPECT_NEAR(ratio.low, 2 * 0.951229424500714, 1e-12);   // exp(-0.05)
  EXPECT_NEAR(ratio.high, 2 * 1.051271096376024, 1e-12);  // exp(0.05)
}

TEST(RatioTest, KeepsTheSidesOfSkewedIntervalsApart) {
  // Below: the later one's low end (0.03) with the earlier one's high end (0.04); above: 0.05 with 0.12, which is 0.13.
  const Estimate later{.median = 1, .low = std::exp(-0.03), .high = std::exp(0.05)};
  const Estimate earlier{.median = 1, .low = std::exp(-0.12), .high = std::exp(0.04)};
  const Estimate ratio = ratio_of(later, earlier);
  EXPECT_NEAR(std::log(ratio.low), -0.05, 1e-12);
  EXPECT_NEAR(std::log(ratio.high), 0.13, 1e-12);
}

TEST(RatioTest, TurnedAroundItIsTheReciprocal) {
  const Estimate a{.median = 3, .low = 2.9, .high = 3.2}, b{.median = 7, .low = 6.5, .high = 7.1};
  const Estimate there = ratio_of(a, b), back = ratio_of(b, a);
  EXPECT_NEAR(there.median * back.median, 1, 1e-12);
  EXPECT_NEAR(there.low * back.high, 1, 1e-12);
  EXPECT_NEAR(there.high * back.low, 1, 1e-12);
}

TEST(RatioTest, WithoutAnIntervalOnEitherSideThereIsNone) {
  const Estimate known{.median = 10, .low = 9.9, .high = 10.1};
  for (const Estimate& bare : {Estimate{.median = 20}, Estimate{.median = 20, .low = 20, .high = 20}}) {
    const Estimate ratio = ratio_of(bare, known);
    EXPECT_EQ(ratio.median, 2);
    EXPECT_EQ(ratio.low, 0);
    EXPECT_EQ(change_of(ratio), Change::kUnclear);
    EXPECT_EQ(change_of(ratio_of(known, bare)), Change::kUnclear);
  }
  EXPECT_EQ(ratio_of({}, known).median, 0);
  EXPECT_EQ(ratio_of(known, {.median = NAN}).median, 0);
}

TEST(RatioTest, AnIntervalBesideItsMedianGivesNoNegativeDistance) {
  const Estimate odd{.median = 10, .low = 10.2, .high = 10.4}, known{.median = 10, .low = 9.9, .high = 10.1};
  const Estimate ratio = ratio_of(odd, known);
  EXPECT_LE(ratio.low, ratio.median);
  EXPECT_GE(ratio.high, ratio.median);
}

TEST(ChangeTest, NeedsTheWholeInterval) {
  EXPECT_EQ(change_of({.median = 0.9, .low = 0.85, .high = 0.99}), Change::kFaster);
  EXPECT_EQ(change_of({.median = 0.9, .low = 0.85, .high = 1.01}), Change::kUnclear);
  EXPECT_EQ(change_of({.median = 1.1, .low = 0.99, .high = 1.2}), Change::kUnclear);
  EXPECT_EQ(change_of({.median = 1.1, .low = 1.01, .high = 1.2}), Change::kSlower);
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
}

TEST(CompareTest, NothingAgainstNothing) {
  const Comparison found = compare_results({}, {}, kTolerance);
  EXPECT_THAT(found.cells, IsEmpty());
  EXPECT_FALSE(found.regressed());
}

}  // namespace
}  // namespace paceline
