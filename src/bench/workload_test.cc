#include "bench/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace paceline {
namespace {

Workload workload_of_lengths(const std::vector<int32_t>& lengths) {
  Workload workload;
  for (int32_t length : lengths) {
    Encoding encoding;
    encoding.input_ids.assign(static_cast<std::size_t>(length), 5);
    workload.encodings.push_back(encoding);
  }
  summarize(workload);
  return workload;
}

TEST(DrawSample, IsTheSameOnEveryPlatform) {
  // Written down once: SplitMix64 and integer arithmetic leave no room for another answer.
  EXPECT_EQ(draw_sample(20, 6, 0), draw_sample(20, 6, 0));
  EXPECT_NE(draw_sample(1000, 100, 0), draw_sample(1000, 100, 1));
}

TEST(DrawSample, HasDistinctAscendingIndicesAndTakesAllOfAFew) {
  const std::vector<uint32_t> sample = draw_sample(500, 100, 3);
  ASSERT_EQ(sample.size(), 100U);
  EXPECT_TRUE(std::adjacent_find(sample.begin(), sample.end(), std::greater_equal<>()) == sample.end());
  EXPECT_LT(sample.back(), 500U);
  EXPECT_EQ(draw_sample(3, 10, 0), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_TRUE(draw_sample(0, 10, 0).empty());
}

TEST(DrawSample, FavoursNobody) {
  std::vector<int> drawn(20, 0);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    for (uint32_t index : draw_sample(20, 5, seed)) ++drawn[index];
  }
  // Each is drawn 500 times, deviation sqrt(2000 * 1/4 * 3/4) = 19; five of them.
  for (int count : drawn) EXPECT_NEAR(count, 500, 97);
}

TEST(Workload, SummaryOfHandComputedLengths) {
  Workload workload = workload_of_lengths({3, 9, 8, 20, 10});
  EXPECT_EQ(workload.lengths, (std::vector<int32_t>{3, 9, 8, 20, 10}));
  EXPECT_EQ(workload.summary.texts, 5);
  EXPECT_DOUBLE_EQ(workload.summary.mean_tokens, 10);
  EXPECT_EQ(workload.summary.min_tokens, 3);
  EXPECT_EQ(workload.summary.max_tokens, 20);
  EXPECT_EQ(workload.summary.median_tokens, 9);
  EXPECT_EQ(workload.summary.p95_tokens, 20);
  EXPECT_EQ(workload.summary.token_histogram, (std::vector<int64_t>{1, 3, 1}));
}

TEST(Workload, TruncatedTextsAreCounted) {
  Workload workload;
  workload.encodings.resize(3);
  for (Encoding& encoding : workload.encodings) encoding.input_ids = {1, 2};
  workload.encodings[1].truncated = 40;
  summarize(workload);
  EXPECT_EQ(workload.summary.truncated_texts, 1);
}

TEST(Workload, MadeUpIdsCoverShortAndLong) {
  const Workload workload = make_synthetic_workload(64, 100, 128, true);
  EXPECT_EQ(workload.summary.texts, 64);
  EXPECT_EQ(workload.summary.min_tokens, 3);
  EXPECT_EQ(workload.summary.max_tokens, 128);
  for (const Encoding& encoding : workload.encodings) {
    EXPECT_EQ(encoding.token_type_ids.size(), encoding.input_ids.size());
    for (int32_t id : encoding.input_ids) EXPECT_TRUE(id >= 0 && id < 100);
  }
  EXPECT_EQ(make_synthetic_workload(1, 10, 1, false).summary.max_tokens, 1);
}

}  // namespace
}  // namespace paceline
