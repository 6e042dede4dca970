#include "results/time_ratios.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "results/series.h"
#include "statistics/random.h"

namespace paceline {
namespace {

/// A cell with the seconds of its rounds.
CellResult cell_of(const std::string& backend, bool confirmation, const std::vector<double>& seconds) {
  CellResult cell;
  cell.configuration = {.backend = backend, .batch_size = 1};
  for (std::size_t round = 0; round < seconds.size(); ++round) {
    cell.timings.push_back({.round = static_cast<int32_t>(round),
                            .confirmation = confirmation,
                            .batches = 1,
                            .tokens = 1,
                            .share = 1,
                            .seconds = seconds[round]});
  }
  return cell;
}

double noisy(Random& random, double seconds, double deviation) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return seconds * std::exp(deviation * radius * std::cos(2 * M_PI * random.uniform()));
}

/// So many cells, each slower than the one before, in rounds that the machine disturbs as a whole.
std::vector<CellResult> run_of(Random& random, int cells, int rounds, double deviation) {
  std::vector<double> of_round;
  for (int round = 0; round < rounds; ++round) of_round.push_back(noisy(random, 1, 0.3));
  std::vector<CellResult> run;
  for (int i = 0; i < cells; ++i) {
    std::vector<double> seconds;
    for (const double disturbed : of_round) seconds.push_back(noisy(random, disturbed * (1 + i), deviation));
    run.push_back(cell_of(fmt::format("backend {}", i), true, seconds));
  }
  return run;
}

TEST(TimeRatiosTest, IsTheMedianOfTheRatiosWithinEachRound) {
  const std::vector<CellResult> cells = {cell_of("a", false, {2, 30, 8}), cell_of("b", false, {1, 10, 2})};
  const Estimate ratio = TimeRatios(cells)(cells[0], cells[1]);
  EXPECT_EQ(ratio.median, 3) << "of 2, 3 and 4; the quotient of the medians is 4";
  EXPECT_LT(ratio.low, ratio.median);
  EXPECT_GT(ratio.high, ratio.median);
}

TEST(TimeRatiosTest, TheConfirmationCountsWhereBothHaveOne) {
  std::vector<CellResult> cells = {cell_of("a", false, {2, 2}), cell_of("b", false, {1, 1}), cell_of("c", false, {1})};
  for (const Timing& timing : cell_of("", true, {9, 9}).timings) cells[0].timings.push_back(timing);
  EXPECT_EQ(TimeRatios(cells)(cells[0], cells[1]).median, 2);
  for (const Timing& timing : cell_of("", true, {3, 3}).timings) cells[1].timings.push_back(timing);
  EXPECT_EQ(TimeRatios(cells)(cells[0], cells[1]).median, 3);
  cells[2].timings.front().round = 7;
  EXPECT_EQ(TimeRatios(cells)(cells[0], cells[2]).median, 0) << "they share no round";
}

TEST(TimeRatiosTest, ACellIsAsFastAsItselfWhateverTheOthersVaryBy) {
  Random random(3);
  const std::vector<CellResult> run = run_of(random, 4, 3, 0.1);
  const Estimate ratio = TimeRatios(run)(run[0], run[0]);
  EXPECT_EQ(ratio.low, 1);
  EXPECT_EQ(ratio.high, 1);
}

/// Two cells alone have only their own rounds to go by.
TEST(TimeRatiosTest, OfTwoCellsItIsTheirOwnInterval) {
  Random random(5);
  const std::vector<CellResult> run = run_of(random, 2, 4, 0.05);
  const Estimate ratio = TimeRatios(run)(run[1], run[0]);
  const Estimate own = estimate(paired_ratios(series_of(run[1].timings, true), series_of(run[0].timings, true)));
  EXPECT_DOUBLE_EQ(ratio.low, own.low);
  EXPECT_DOUBLE_EQ(ratio.high, own.high);
}

/// 95 of 100 intervals hold the true ratio, with three rounds as with ten, and no machine's disturbance widens them.
TEST(TimeRatiosTest, IntervalsHoldTheTruthAsOftenAsTheySay) {
  constexpr int kRuns = 2000;
  for (const int rounds : {2, 3, 5}) {
    Random random(static_cast<uint64_t>(rounds));
    int held = 0;
    double width = 0;
    for (int i = 0; i < kRuns; ++i) {
      const std::vector<CellResult> run = run_of(random, 6, rounds, 0.02);
      const Estimate ratio = TimeRatios(run)(run[2], run[1]);
      held += ratio.low <= 1.5 && ratio.high >= 1.5 ? 1 : 0;
      width += (ratio.high - ratio.low) / 1.5 / kRuns;
    }
    EXPECT_GE(held, kRuns * 94 / 100) << rounds;
    EXPECT_LE(held, kRuns * 995 / 1000) << rounds;
    EXPECT_LT(width, 0.16) << rounds;
  }
}

}  // namespace
}  // namespace paceline
