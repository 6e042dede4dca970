#include "bench/budget_planner.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace paceline {
namespace {

using testing::HasSubstr;

constexpr int32_t kLongest = 40;
constexpr std::size_t kNoBaseline = 1000;

/// 200 texts of 1 to 40 tokens, mixed up; the work of a sequence is its length. One packed backend, one that pads; a
/// second per unit of work and nothing else; no warm-up is needed.
class BudgetTest : public testing::Test {
 protected:
  BudgetTest() : lengths_(200) {
    for (std::size_t i = 0; i < lengths_.size(); ++i) lengths_[i] = static_cast<int32_t>((i * 17) % kLongest) + 1;
    std::vector<double> flops(kLongest + 1);
    for (std::size_t n = 0; n < flops.size(); ++n) flops[n] = static_cast<double>(n);
    work_ = WorkTable(flops, lengths_);
    for (CostModel& cost : costs_) {
      for (int width = 0; width < 20; ++width) cost.warm.insert({{true, width}, {false, width}});
    }
  }

  Grid grid(const std::vector<int32_t>& sizes = {1, 2, 4, 8, 16, 32, 64},
            const std::vector<int32_t>& token_budgets = {}) const {
    const std::vector<GridBackend> backends{{.backend = "packed", .compute_type = "fp32"},
                                            {.backend = "padding", .compute_type = "fp32", .padded = true}};
    return make_grid(
        backends, lengths_,
        {.batch_sizes = sizes, .max_batch_tokens = token_budgets, .orders = {Order::kInput, Order::kLength}});
  }

  /// Just enough for the exploration of a grid.
  double seconds_for(const Grid& grid) const {
    return least_exploration_seconds(grid, costs_, work_) / kExplorationShare;
  }

  static std::set<int32_t> sizes_of(const Grid& grid) {
    std::set<int32_t> sizes;
    for (const Cell& cell : grid.cells) sizes.insert(cell.configuration.batch_size);
    return sizes;
  }

  /// Cells of these sizes with as few texts as a turn may have.
  Grid smallest_turns(const std::vector<int32_t>& sizes) const {
    Grid small = grid(sizes);
    set_texts_per_turn(small, kFewestTextsPerTurn);
    return small;
  }

  std::vector<int32_t> lengths_;
  WorkTable work_;
  std::vector<CostModel> costs_{{0, 1, false}, {0, 1, true}};
};

TEST_F(BudgetTest, LeavesTheGridAloneWhenThereIsTime) {
  Grid all = grid();
  EXPECT_TRUE(fit_budget(all, costs_, work_, 1e9).empty());
  EXPECT_EQ(all.cells.size(), 28U);
}

TEST_F(BudgetTest, AConfirmationLacksTimeOrTextsOrNothing) {
  Grid singles = grid({1});
  GridPlan& plan = singles.plans.front();
  set_texts_per_turn(singles, kFewestTextsPerTurn);
  EXPECT_EQ(confirmation_limit(plan, 8, kConfirmationRounds - 1), ConfirmationLimit::kBudget) << "rounds";
  EXPECT_EQ(confirmation_limit(plan, 20, kConfirmationRounds), ConfirmationLimit::kBudget) << "texts of a round";
  EXPECT_EQ(confirmation_limit(plan, 8, kConfirmationRounds), ConfirmationLimit::kTexts);
  set_texts_per_turn(singles, kMostConfirmationTexts);
  EXPECT_EQ(confirmation_limit(plan, 20, kConfirmationRounds), ConfirmationLimit::kTexts);
  EXPECT_EQ(confirmation_limit(plan, 1000, kConfirmationRounds), ConfirmationLimit::kNone);
}

TEST_F(BudgetTest, DropsTwoSixteenFourThirtyTwoInThatOrder) {
  const std::vector<std::vector<int32_t>> steps{{1, 4, 8, 16, 32, 64}, {1, 4, 8, 32, 64}, {1, 8, 32, 64}, {1, 8, 64}};
  Grid before = grid();
  for (const std::vector<int32_t>& left : steps) {
    Grid fitted = grid();
    const std::vector<std::string> notes = fit_budget(fitted, costs_, work_, 0.999 * seconds_for(before));
    EXPECT_EQ(sizes_of(fitted), std::set<int32_t>(left.begin(), left.end()));
    EXPECT_EQ(notes.size(), 1U);
    EXPECT_LT(seconds_for(fitted), seconds_for(before));
    before = fitted;
  }
}

TEST_F(BudgetTest, ThenTimesFewerBatchesAndSaysSo) {
  Grid fitted = grid({1, 8});
  const double seconds = 0.5 * seconds_for(fitted);
  const std::vector<std::string> notes = fit_budget(fitted, costs_, work_, seconds);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], HasSubstr("texts of a configuration"));
  EXPECT_EQ(sizes_of(fitted), (std::set<int32_t>{1, 8}));
  EXPECT_LE(seconds_for(fitted), seconds);
}

TEST_F(BudgetTest, ThenGivesUpTheLargestForTheNextSmaller) {
  const std::vector<std::vector<int32_t>> steps{{1, 8, 32}, {1, 8, 16}, {1, 8}, {1, 4}};
  Grid before = smallest_turns({1, 8, 64});
  for (const std::vector<int32_t>& left : steps) {
    Grid fitted = grid();
    const std::vector<std::string> notes = fit_budget(fitted, costs_, work_, 0.999 * seconds_for(before));
    // A smaller size may not be faster: then it is passed over, too.
    EXPECT_LE(*sizes_of(fitted).rbegin(), left.back());
    EXPECT_THAT(fmt::format("{}", fmt::join(notes, "\n")), HasSubstr("64 were dropped"));
    before = smallest_turns(left);
  }
}

TEST_F(BudgetTest, NeverDropsTheLastSize) {
  for (const std::vector<int32_t>& sizes : std::vector<std::vector<int32_t>>{{2}, {64}, {2, 4}, {32, 64}}) {
    Grid fitted = grid(sizes);
    fit_budget(fitted, costs_, work_, 1e-3);
    EXPECT_EQ(sizes_of(fitted), std::set<int32_t>{sizes.front()});
    EXPECT_EQ(fitted.cells.size(), 4U);
  }
  Grid all = grid();
  EXPECT_EQ(fit_budget(all, costs_, work_, -1).size(), 2U);
  EXPECT_EQ(sizes_of(all), std::set<int32_t>{1});
  EXPECT_EQ(all.plans[all.cells[0].plan].batches_per_round, kFewestTextsPerTurn);
}

TEST_F(BudgetTest, TokenBudgetsAreLargeBatches) {
  Grid fitted = grid({1, 8}, {2000});
  const std::vector<std::string> notes = fit_budget(fitted, costs_, work_, 1.001 * seconds_for(smallest_turns({1, 8})));
  ASSERT_FALSE(notes.empty());
  EXPECT_THAT(notes[0], HasSubstr("Batch size of 2000 tokens was dropped"));
  EXPECT_EQ(sizes_of(fitted), (std::set<int32_t>{1, 8}));
}

TEST_F(BudgetTest, WarmUpIsOneBatchOfEachShapeThatWillBeMet) {
  Grid one = grid({200});
  for (CostModel& cost : costs_) cost.warm.clear();
  // One batch of all texts in each of the four cells, alike for both orders: one shape per backend, met twice a round.
  const double packed = plan_seconds(one.plans[0], costs_[0], work_);
  const double padding = plan_seconds(one.plans[0], costs_[1], work_);
  EXPECT_NEAR(warm_up_seconds(one, costs_, work_), packed + padding, 1e-9 * padding);
  EXPECT_NEAR(least_exploration_seconds(one, costs_, work_), (2 * kFewestRounds + 1) * (packed + padding),
              1e-9 * padding);
  costs_[1].warm.insert(shape_class(200, 200 * kLongest));
  EXPECT_NEAR(warm_up_seconds(one, costs_, work_), packed, 1e-9 * padding);
}

TEST_F(BudgetTest, FinalistsAreTheFastestThenTheBaselineThenTheOtherBackends) {
  const Grid all = grid({1, 8});
  costs_ = {{0, 1, false}, {0, 10, true}};
  // The packed backend's four cells take equally long; the last one, of the padding one, is the baseline.
  const std::vector<Finalist> finalists = predicted_finalists(all, costs_, work_, all.cells.size() - 1);
  ASSERT_EQ(finalists.size(), 5U);
  EXPECT_EQ(finalists[0].sample_seconds, finalists[2].sample_seconds);
  EXPECT_EQ(finalists[3].plan, all.cells.back().plan);
  EXPECT_EQ(predicted_finalists(all, costs_, work_, kNoBaseline).size(), 4U);
}

/// Five finalists that take 200 s each for 200 texts, one by one: 8 s a turn of eight texts.
class ConfirmationTest : public BudgetTest {
 protected:
  ConfirmationPlan plan(double seconds) const { return plan_confirmation(grid_, finalists_, seconds); }

  Grid grid_ = grid({1});
  std::vector<Finalist> finalists_{5, {.plan = 0, .sample_seconds = 200}};
};

TEST_F(ConfirmationTest, TenRoundsWithAsManyTextsAsFit) {
  EXPECT_EQ(plan(400).rounds, 10);
  EXPECT_EQ(plan(400).texts, 8);
  EXPECT_EQ(plan(400).finalists, 5U);
  EXPECT_NEAR(plan(400).seconds, 400, 1e-9);
  EXPECT_TRUE(plan(400).whole(5));
  EXPECT_EQ(plan(1650).texts, 32);
  EXPECT_EQ(plan(1e9).texts, kMostConfirmationTexts);
}

TEST_F(ConfirmationTest, ThenFewerRoundsThenFewerFinalists) {
  EXPECT_EQ(plan(399).rounds, 9);
  EXPECT_EQ(plan(200).rounds, 5);
  EXPECT_EQ(plan(200).finalists, 5U);
  EXPECT_EQ(plan(199).rounds, 6);  // of four: 192 s
  EXPECT_EQ(plan(199).finalists, 4U);
  EXPECT_EQ(plan(199).words(5), "6 rounds instead of 10, of 4 configurations instead of 5");
  EXPECT_EQ(plan(80).finalists, 2U);
  EXPECT_EQ(plan(80).rounds, 5);
  EXPECT_EQ(plan(79).finalists, 3U);
  EXPECT_EQ(plan(79).rounds, 3);
  EXPECT_EQ(plan(71).finalists, 2U);
  EXPECT_EQ(plan(71).rounds, 4);
}

TEST_F(ConfirmationTest, NeverFewerThanThreeRoundsOfTwo) {
  for (double seconds : {47.0, 0.0, -5.0}) {
    EXPECT_EQ(plan(seconds).rounds, kFewestConfirmationRounds);
    EXPECT_EQ(plan(seconds).finalists, kFewestFinalists);
    EXPECT_NEAR(plan(seconds).seconds, 48, 1e-9);
  }
  finalists_.resize(1);
  EXPECT_EQ(plan(0).finalists, 1U);
}

}  // namespace
}  // namespace paceline
