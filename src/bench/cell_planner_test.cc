#include "bench/cell_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "paceline/error.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int32_t kLongest = 40;

/// 200 texts of 1 to 40 tokens, mixed up; the work of a sequence is its length.
std::vector<int32_t> mixed_lengths() {
  std::vector<int32_t> lengths(200);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = static_cast<int32_t>((i * 17) % kLongest) + 1;
  return lengths;
}

WorkTable work_of(const std::vector<int32_t>& lengths) {
  std::vector<double> flops(kLongest + 1);
  for (std::size_t n = 0; n < flops.size(); ++n) flops[n] = static_cast<double>(n);
  return WorkTable(flops, lengths);
}

std::vector<GridBackend> two_backends() {
  return {{.backend = "packed", .compute_type = "fp32"},
          {.backend = "padding", .compute_type = "fp32", .padded = true}};
}

GridOptions usual_options() {
  return {.batch_sizes = {1, 2, 4, 8, 16, 32, 64}, .max_batch_tokens = {}, .orders = {Order::kInput, Order::kLength}};
}

TEST(Grid, HasEveryCombinationOnce) {
  const Grid grid = make_grid(two_backends(), mixed_lengths(), usual_options());
  EXPECT_EQ(grid.plans.size(), 14U);
  EXPECT_EQ(grid.cells.size(), 28U);
  for (const Cell& cell : grid.cells) {
    EXPECT_EQ(cell.configuration.batch_size, grid.plans[cell.plan].batch_size);
    EXPECT_EQ(cell.configuration.order, grid.plans[cell.plan].order);
  }
}

TEST(Grid, TokenBudgetsAreForBackendsThatDoNotPad) {
  GridOptions options = usual_options();
  options.batch_sizes = {8};
  options.max_batch_tokens = {256};
  const Grid grid = make_grid(two_backends(), mixed_lengths(), options);
  EXPECT_EQ(grid.cells.size(), 6U);
  for (const Cell& cell : grid.cells) {
    EXPECT_TRUE(cell.configuration.max_batch_tokens == 0 || cell.configuration.backend == "packed");
  }
  EXPECT_TRUE(grid.notes.empty());
  const std::vector<GridBackend> padding{{.backend = "padded", .compute_type = "fp32", .padded = true}};
  options.max_batch_tokens = {256, 512};
  const std::vector<std::string> notes = make_grid(padding, mixed_lengths(), options).notes;
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes.front().find("Token budgets (256, 512) were not measured"), std::string::npos) << notes.front();
  options.max_batch_tokens = {256};
  options.batch_sizes = {0};
  EXPECT_THROW(make_grid(two_backends(), mixed_lengths(), options), Error);
  options.batch_sizes = {};
  options.max_batch_tokens = {};
  EXPECT_THROW(make_grid(two_backends(), mixed_lengths(), options), Error);
}

TEST(Grid, WhatTheSampleCannotFillIsLeftOut) {
  const std::vector<int32_t> lengths(20, 5);
  GridOptions options = usual_options();
  options.max_batch_tokens = {64, 100, 101, 4096};
  EXPECT_THAT(leave_out_unfilled(options, lengths, "text"),
              ElementsAre("Batch sizes 32, 64 are left out: the sample has 20 texts.",
                          "Token budgets 101, 4096 are left out: the sample has 100 tokens."));
  EXPECT_THAT(options.batch_sizes, ElementsAre(1, 2, 4, 8, 16));
  EXPECT_THAT(options.max_batch_tokens, ElementsAre(64, 100));
  EXPECT_THAT(leave_out_unfilled(options, lengths, "text"), IsEmpty());
  options.batch_sizes = {20, 32};
  EXPECT_THAT(leave_out_unfilled(options, lengths, "window"),
              ElementsAre("Batch size 32 is left out: the sample has 20 windows."));
}

TEST(Grid, TheSmallestStaysWhereTheSampleFillsNone) {
  const std::vector<int32_t> lengths{5};
  GridOptions options = usual_options();
  options.batch_sizes = {64, 8, 8, 32};
  EXPECT_THAT(leave_out_unfilled(options, lengths, "text"),
              ElementsAre("Batch size 8 puts the whole sample into one batch: it has 1 text.",
                          "Batch sizes 32, 64 are left out: the sample has 1 text."));
  EXPECT_THAT(options.batch_sizes, ElementsAre(8));
  options.batch_sizes = {};
  options.max_batch_tokens = {512, 256};
  EXPECT_THAT(leave_out_unfilled(options, lengths, "text"),
              ElementsAre("Token budget 256 puts the whole sample into one batch: it has 5 tokens.",
                          "Token budget 512 is left out: the sample has 5 tokens."));
  EXPECT_THAT(options.max_batch_tokens, ElementsAre(256));
  options.max_batch_tokens = {};
  EXPECT_THAT(leave_out_unfilled(options, lengths, "text"), IsEmpty());
}

TEST(CostModel, TwoProbesGiveALine) {
  const CostModel cost = fit_cost(10, 3, 110, 23);
  EXPECT_DOUBLE_EQ(cost.seconds_per_flop, 0.2);
  EXPECT_DOUBLE_EQ(cost.fixed_seconds, 1);
  EXPECT_DOUBLE_EQ(cost.seconds(60), 13);
}

TEST(CostModel, NoiseNeverMakesTimeNegative) {
  for (const CostModel& cost : {fit_cost(10, 30, 110, 23), fit_cost(10, 1, 110, 23), fit_cost(50, 10, 50, 10)}) {
    EXPECT_EQ(cost.fixed_seconds, 0);
    EXPECT_GT(cost.seconds_per_flop, 0);
  }
}

TEST(CostModel, PaddedBackendsPayForTheLongest) {
  const std::vector<int32_t> lengths{10, 2, 3};
  const WorkTable work = work_of(lengths);
  const PlannedBatch batch{.indices = {0, 1, 2}, .tokens = 15, .max_seqlen = 10};
  EXPECT_DOUBLE_EQ(work.batch_flops(batch, false), 15);
  EXPECT_DOUBLE_EQ(work.batch_flops(batch, true), 30);
}

TEST(SubsetSchedule, UsesEveryBatchOnceBeforeOneComesAgain) {
  for (std::size_t count : {1U, 2U, 7U, 16U, 100U}) {
    for (int32_t per_round : {1, 3, 8, 200}) {
      std::vector<uint32_t> all(count);
      for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<uint32_t>(10 + i);
      Random random(count);
      SubsetSchedule schedule(all, per_round, false, random);
      std::vector<uint32_t> seen;
      for (std::size_t i = 0; i < schedule.subsets(); ++i) {
        const std::vector<uint32_t> subset = schedule.next();
        EXPECT_FALSE(subset.empty());
        seen.insert(seen.end(), subset.begin(), subset.end());
      }
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen, all);
    }
  }
}

TEST(SubsetSchedule, SubsetsAreSpreadEvenly) {
  std::vector<uint32_t> all(100);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  Random random(1);
  SubsetSchedule schedule(all, 10, false, random);
  const std::vector<uint32_t> subset = schedule.next();
  ASSERT_EQ(subset.size(), 10U);
  for (std::size_t i = 1; i < subset.size(); ++i) EXPECT_EQ(subset[i] - subset[i - 1], 10U);
}

TEST(SubsetSchedule, AReserveIsNeverTouched) {
  std::vector<uint32_t> all(16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  Random random(1);
  SubsetSchedule schedule(all, 1, true, random);
  std::set<uint32_t> used;
  for (int i = 0; i < 50; ++i) used.insert(schedule.next().front());
  EXPECT_EQ(used.size(), 8U);
}

}  // namespace
}  // namespace paceline
