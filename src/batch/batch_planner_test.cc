#include "batch/batch_planner.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "paceline/error.h"

namespace paceline {
namespace {

rc::Gen<std::vector<int32_t>> texts() { return rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(1, 515)); }

BatchLimits any_limits() {
  return {.batch_size = *rc::gen::inRange(0, 20),
          .max_batch_tokens = *rc::gen::element(0, 1, 64, 512, 2000),
          .order = *rc::gen::element(Order::kInput, Order::kLength),
          .chunk = *rc::gen::element(0, 1, 7, 30),
          .padded = *rc::gen::arbitrary<bool>()};
}

/// What a batch counts against the token budget, worked out from its texts alone.
int64_t cost(const PlannedBatch& batch, const std::vector<int32_t>& lengths, bool padded) {
  int64_t real = 0;
  int64_t longest = 0;
  for (const uint32_t index : batch.indices) {
    real += lengths[index];
    longest = std::max<int64_t>(longest, lengths[index]);
  }
  return padded ? longest * static_cast<int64_t>(batch.indices.size()) : real;
}

ErrorCode code_of(const std::vector<int32_t>& lengths, const BatchLimits& limits) {
  try {
    plan_batches(lengths, limits);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(BatchPlanner, EveryTextIsInExactlyOneBatch) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<int32_t> lengths = *texts();
    const BatchPlan plan = plan_batches(lengths, any_limits());
    std::vector<uint32_t> seen;
    for (const PlannedBatch& batch : plan.batches) {
      RC_ASSERT(!batch.indices.empty());
      seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
    }
    std::sort(seen.begin(), seen.end());
    std::vector<uint32_t> all(lengths.size());
    std::iota(all.begin(), all.end(), 0U);
    RC_ASSERT(seen == all);
  }));
}

TEST(BatchPlanner, KeepsTheBudgetAndSplitsNoSoonerThanNeeded) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<int32_t> lengths = *texts();
    const BatchLimits limits = any_limits();
    const BatchPlan plan = plan_batches(lengths, limits);
    for (std::size_t i = 0; i < plan.batches.size(); ++i) {
      const PlannedBatch& batch = plan.batches[i];
      if (limits.batch_size > 0) RC_ASSERT(batch.indices.size() <= static_cast<std::size_t>(limits.batch_size));
      if (limits.max_batch_tokens > 0 && batch.indices.size() > 1) {
        RC_ASSERT(cost(batch, lengths, limits.padded) <= limits.max_batch_tokens);
      }
      if (i + 1 == plan.batches.size() || (limits.order == Order::kLength && limits.chunk > 0)) continue;
      PlannedBatch grown = batch;
      grown.indices.push_back(plan.batches[i + 1].indices.front());
      const bool full = limits.batch_size > 0 && grown.indices.size() > static_cast<std::size_t>(limits.batch_size);
      const bool dear = limits.max_batch_tokens > 0 && cost(grown, lengths, limits.padded) > limits.max_batch_tokens;
      RC_ASSERT(full || dear);
    }
  }));
}

TEST(BatchPlanner, SumsAndPaddingRatioAgreeWithBruteForce) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<int32_t> lengths = *rc::gen::nonEmpty(texts());
    const BatchPlan plan = plan_batches(lengths, any_limits());
    int64_t real = 0;
    int64_t padded = 0;
    for (const PlannedBatch& batch : plan.batches) {
      RC_ASSERT(batch.tokens == cost(batch, lengths, false));
      RC_ASSERT(batch.padded_tokens() == cost(batch, lengths, true));
      real += cost(batch, lengths, false);
      padded += cost(batch, lengths, true);
    }
    RC_ASSERT(plan.tokens == real);
    RC_ASSERT(plan.padding_ratio == 1.0 - static_cast<double>(real) / static_cast<double>(padded));
    RC_ASSERT(plan.padding_ratio >= 0.0);
  }));
}

TEST(BatchPlanner, NoBatchCrossesAWindowAndWindowsFollowTheInput) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<int32_t> lengths = *texts();
    BatchLimits limits = any_limits();
    limits.order = Order::kLength;
    limits.chunk = *rc::gen::inRange(1, 12);
    uint32_t last_chunk = 0;
    for (const PlannedBatch& batch : plan_batches(lengths, limits).batches) {
      std::set<uint32_t> chunks;
      for (const uint32_t index : batch.indices) chunks.insert(index / static_cast<uint32_t>(limits.chunk));
      RC_ASSERT(chunks.size() == 1U);
      RC_ASSERT(*chunks.begin() >= last_chunk);
      last_chunk = *chunks.begin();
    }
  }));
}

TEST(BatchPlanner, OrderInputKeepsTheInputOrder) {
  EXPECT_TRUE(rc::check([] {
    BatchLimits limits = any_limits();
    limits.order = Order::kInput;
    uint32_t expected = 0;
    for (const PlannedBatch& batch : plan_batches(*texts(), limits).batches) {
      for (const uint32_t index : batch.indices) RC_ASSERT(index == expected++);
    }
  }));
}

TEST(BatchPlanner, OrderLengthIsStableAndLongestFirst) {
  const BatchPlan plan = plan_batches(std::vector<int32_t>{5, 9, 5, 9, 1}, {.batch_size = 2, .order = Order::kLength});
  ASSERT_EQ(plan.batches.size(), 3U);
  EXPECT_EQ(plan.batches[0].indices, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(plan.batches[1].indices, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(plan.batches[2].indices, (std::vector<uint32_t>{4}));
  EXPECT_EQ(plan.padding_ratio, 0.0);
}

TEST(BatchPlanner, PaddedBudgetCountsPadding) {
  const std::vector<int32_t> lengths{10, 2, 2, 2};
  const BatchLimits packed{.max_batch_tokens = 20};
  EXPECT_EQ(plan_batches(lengths, packed).batches.size(), 1U);
  const BatchLimits padded{.max_batch_tokens = 20, .padded = true};
  const BatchPlan plan = plan_batches(lengths, padded);
  ASSERT_EQ(plan.batches.size(), 2U);
  EXPECT_EQ(plan.batches[0].indices.size(), 2U);
  EXPECT_DOUBLE_EQ(plan.padding_ratio, 1.0 - 16.0 / 24.0);
}

TEST(BatchPlanner, ATextAboveTheBudgetGetsABatchOfItsOwn) {
  const BatchPlan plan = plan_batches(std::vector<int32_t>{4, 100, 4}, {.max_batch_tokens = 10});
  ASSERT_EQ(plan.batches.size(), 3U);
  EXPECT_EQ(plan.batches[1].indices, (std::vector<uint32_t>{1}));
}

TEST(BatchPlanner, NothingGivesNothing) {
  const BatchPlan plan = plan_batches({}, {});
  EXPECT_TRUE(plan.batches.empty());
  EXPECT_EQ(plan.padding_ratio, 0.0);
}

TEST(BatchPlanner, RefusesNonsense) {
  EXPECT_EQ(code_of({3, 0}, {}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({3}, {.batch_size = -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({3}, {.max_batch_tokens = -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({3}, {.chunk = -1}), ErrorCode::kInvalidArgument);
}

TEST(BatchPlanner, OrdersHaveTheNamesOfFlagsAndFiles) {
  EXPECT_EQ(order_name(Order::kInput), "input");
  EXPECT_EQ(order_name(Order::kLength), "length");
}

TEST(PackedBatch, HoldsWhatWasAppended) {
  EXPECT_TRUE(rc::check([] {
    const auto sequences = *rc::gen::container<std::vector<std::vector<int32_t>>>(
        rc::gen::nonEmpty(rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(0, 1000))));
    PackedBatch batch;
    append_sequence(batch, std::vector<int32_t>{7}, {});
    clear(batch);
    int32_t longest = 0;
    for (const auto& ids : sequences) {
      append_sequence(batch, ids, {});
      longest = std::max(longest, static_cast<int32_t>(ids.size()));
    }
    RC_ASSERT(batch.sequences() == static_cast<int32_t>(sequences.size()));
    RC_ASSERT(batch.max_seqlen == longest);
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      const auto first = batch.input_ids.begin() + batch.cu_seqlens[static_cast<std::size_t>(i)];
      RC_ASSERT(std::vector<int32_t>(first, first + batch.length(i)) == sequences[static_cast<std::size_t>(i)]);
    }
  }));
}

TEST(PackedBatch, RefusesEmptySequencesAndMixedTokenTypes) {
  PackedBatch batch;
  const std::vector<int32_t> ids{1, 2};
  EXPECT_THROW(append_sequence(batch, {}, {}), Error);
  EXPECT_THROW(append_sequence(batch, ids, std::vector<int32_t>{0}), Error);
  append_sequence(batch, ids, ids);
  EXPECT_THROW(append_sequence(batch, ids, {}), Error);
  EXPECT_EQ(batch.sequences(), 1);
}

}  // namespace
}  // namespace paceline
