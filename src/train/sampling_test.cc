#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "train/batch_sampler.h"
#include "train/learning_rate.h"
#include "train/length_tally.h"

namespace paceline {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;

std::vector<uint32_t> epoch_of(BatchSampler& sampler, int64_t epoch) {
  std::vector<uint32_t> texts;
  for (int64_t i = 0; i < sampler.batches(); ++i) {
    const auto batch = sampler.batch(epoch, i);
    texts.insert(texts.end(), batch.begin(), batch.end());
  }
  return texts;
}

std::vector<uint32_t> sorted(std::vector<uint32_t> texts) {
  std::ranges::sort(texts);
  return texts;
}

std::vector<uint32_t> all_of(uint32_t texts) {
  std::vector<uint32_t> all(texts);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

TEST(BatchSampler, AnEpochHasEveryTextOnce) {
  BatchSampler sampler(70, 8, 1);
  EXPECT_EQ(sampler.batches(), 9);
  EXPECT_EQ(sampler.batch(0, 8).size(), 6u);
  const auto first = epoch_of(sampler, 0);
  EXPECT_EQ(sorted(first), all_of(70));
  EXPECT_NE(first, all_of(70));
  EXPECT_NE(epoch_of(sampler, 1), first);
}

TEST(BatchSampler, TheOrderFollowsFromSeedAndEpochAlone) {
  BatchSampler sampler(70, 8, 1);
  const auto third = epoch_of(sampler, 3);
  BatchSampler resumed(70, 8, 1);
  EXPECT_EQ(epoch_of(resumed, 3), third);
  BatchSampler other(70, 8, 2);
  EXPECT_NE(epoch_of(other, 3), third);
}

TEST(BatchSampler, GroupsTextsOfLikeLength) {
  std::vector<int32_t> lengths(4000);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = 1 + static_cast<int32_t>(i * 37 % 509);
  const auto padding = [&](BatchSampler& sampler) {
    int64_t real = 0, padded = 0;
    for (int64_t i = 0; i < sampler.batches(); ++i) {
      int32_t longest = 0;
      const auto batch = sampler.batch(0, i);
      for (const uint32_t text : batch) {
        real += lengths[text];
        longest = std::max(longest, lengths[text]);
      }
      padded += longest * static_cast<int64_t>(batch.size());
    }
    return 1 - static_cast<double>(real) / static_cast<double>(padded);
  };
  BatchSampler random(4000, 16, 1);
  BatchSampler grouped(lengths, 16, 1);
  EXPECT_EQ(sorted(epoch_of(grouped, 0)), all_of(4000));
  EXPECT_EQ(lengths[grouped.batch(0, 0).front()], *std::ranges::max_element(lengths));
  EXPECT_GT(padding(random), 0.3);
  EXPECT_LT(padding(grouped), 0.1);
  EXPECT_NE(epoch_of(grouped, 0), epoch_of(grouped, 1));
}

TEST(LearningRate, IsTheLinearScheduleOfTransformers) {
  // transformers.get_linear_schedule_with_warmup with ceil(0.25 * 10) = 3 of 10 updates, as lr_scheduler.get_last_lr()
  // gives it before each of them.
  const LearningRate rate(7e-5, 10, 0.25);
  const std::vector<double> expected{0, 7e-5 / 3, 7e-5 * 2 / 3, 7e-5, 6e-5, 5e-5, 4e-5, 3e-5, 2e-5, 1e-5};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_THAT(rate.at(static_cast<int64_t>(i)), DoubleNear(expected[i], 1e-19)) << i;
  }
  EXPECT_EQ(LearningRate(1, 4, 0).at(0), 1);
  EXPECT_EQ(LearningRate(1, 4, 0).at(3), 0.25);
}

TEST(LengthTally, EtaSquaredOfLabels) {
  LengthTally tally(ProblemType::kSingleLabelClassification, 3);
  // Two labels of 2, 4 and 6, 8 tokens: 16 of the 20 of the squared distances to the mean 5 lie between them.
  const std::vector<std::pair<int64_t, int32_t>> texts{{2, 0}, {4, 0}, {6, 2}, {8, 2}};
  for (const auto& [tokens, label] : texts) tally.add(tokens, {.labels = {label}});
  const LengthRelation is = tally.finish({"a", "b", "c"});
  EXPECT_EQ(is.measure, "eta^2");
  EXPECT_DOUBLE_EQ(is.value, 16.0 / 20.0);
  EXPECT_DOUBLE_EQ(is.by_chance, 1.0 / 3.0);
  EXPECT_TRUE(is.go_together);
  EXPECT_THAT(length_sentence(is, Batching::kRandom), HasSubstr("explains 80.0 % of the variance"));
  EXPECT_THAT(length_sentence(is, Batching::kLengthGrouped), HasSubstr("--batching random is as fast here"));
}

TEST(LengthTally, OfSeveralLabelsTheOneThatTellsMost) {
  LengthTally tally(ProblemType::kMultiLabelClassification, 2);
  for (int64_t i = 0; i < 20; ++i) {
    Expected expected;
    if (i % 2 == 0) expected.labels.push_back(0);
    if (i >= 10) expected.labels.push_back(1);
    tally.add(10 + i, expected);
  }
  const LengthRelation is = tally.finish({"even", "late"});
  EXPECT_EQ(is.label, "late");
  EXPECT_GT(is.value, 0.7);
}

TEST(LengthTally, RankCorrelationOfValues) {
  LengthTally tally(ProblemType::kRegression, 1);
  for (int64_t i = 1; i <= 10; ++i) {
    tally.add(i, {.value = static_cast<double>(-i * i)});
  }
  const LengthRelation is = tally.finish({"LABEL_0"});
  EXPECT_EQ(is.measure, "Spearman");
  EXPECT_DOUBLE_EQ(is.value, -1);
  EXPECT_TRUE(is.go_together);
}

TEST(LengthTally, SaysNothingWhereThereIsNothing) {
  LengthTally one_length(ProblemType::kSingleLabelClassification, 2);
  LengthTally one_label(ProblemType::kSingleLabelClassification, 2);
  for (int64_t i = 0; i < 10; ++i) {
    one_length.add(7, {.labels = {static_cast<int32_t>(i % 2)}});
    one_label.add(i, {.labels = {1}});
  }
  EXPECT_EQ(one_length.finish({"a", "b"}).measure, "");
  EXPECT_EQ(one_label.finish({"a", "b"}).measure, "");
  EXPECT_EQ(length_sentence({}, Batching::kRandom), "");
}

}  // namespace
}  // namespace paceline
