#include "statistics/resampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

namespace paceline {
namespace {

TEST(Bootstrap, IntervalOfAMeanIsItsStandardErrors) {
  // 0 and 1 in turn: the mean of 400 has a standard error of 0.5 / 20; 1,000 samples miss an end by some 4 % of it.
  const auto mean = [](std::span<const uint32_t> drawn) {
    double sum = 0;
    for (std::size_t i = 1; i < drawn.size(); i += 2) sum += drawn[i];
    return sum / static_cast<double>(drawn.size());
  };
  const Score score = bootstrap(0.5, 400, 400, mean);
  EXPECT_EQ(score.value, 0.5);
  EXPECT_NEAR(score.low, 0.5 - 1.96 * 0.025, 0.004);
  EXPECT_NEAR(score.high, 0.5 + 1.96 * 0.025, 0.004);
  EXPECT_EQ(score, bootstrap(0.5, 400, 400, mean));
}

TEST(Bootstrap, EachSampleHasAsManyItemsAsThereAre) {
  for (const std::size_t items : {1, 2, 7, 100}) {
    int samples = 0;
    bootstrap(0, items, 1, [&](std::span<const uint32_t> drawn) {
      EXPECT_EQ(std::accumulate(drawn.begin(), drawn.end(), std::size_t{0}), items);
      ++samples;
      return 0.0;
    });
    EXPECT_EQ(samples, 1000);
  }
}

TEST(Bootstrap, DearFiguresAreAskedForLessOften) {
  int samples = 0;
  bootstrap(0, 3, std::size_t{1} << 40, [&](std::span<const uint32_t>) {
    ++samples;
    return 0.0;
  });
  EXPECT_EQ(samples, 200);
}

TEST(BootstrapShare, ReflectsSamplesAndStaysAShare) {
  // Samples that all lie at 0.75 say that the figure comes out too high by as much: 60 degrees instead of 45.
  const Score high = bootstrap_share(0.5, 10, 10, [](std::span<const uint32_t>) { return 0.75; });
  EXPECT_NEAR(high.low, 0.25, 1e-12);
  EXPECT_EQ(high.high, 0.5);
  const Score beyond = bootstrap_share(0.01, 10, 10, [](std::span<const uint32_t>) { return 0.5; });
  EXPECT_EQ(beyond.low, 0);
  const Score always = bootstrap_share(0.3, 10, 10, [](std::span<const uint32_t>) { return 0.3; });
  EXPECT_EQ(always, (Score{0.3, 0.3, 0.3}));
}

TEST(BootstrapShare, SeveralFiguresOfOneSampleHaveTheIntervalsOfEach) {
  const auto first = [](std::span<const uint32_t> drawn) { return drawn[0] > 0 ? 0.6 : 0.2; };
  const auto second = [](std::span<const uint32_t> drawn) { return drawn[0] > 1 ? 0.9 : 0.5; };
  const std::array<double, 2> values{0.4, 0.7};
  const auto both = [&](std::span<const uint32_t> drawn, std::span<double> figures) {
    figures[0] = first(drawn);
    figures[1] = second(drawn);
  };
  EXPECT_THAT(bootstrap_shares(values, 9, 9, both),
              testing::ElementsAre(bootstrap_share(values[0], 9, 9, first), bootstrap_share(values[1], 9, 9, second)));
}

TEST(Bootstrap, AFigureOutsideItsOwnSamplesIsHeldAllTheSame) {
  const Score score = bootstrap(5, 10, 10, [](std::span<const uint32_t>) { return 1.0; });
  EXPECT_EQ(score.low, 1);
  EXPECT_EQ(score.high, 5);
}

}  // namespace
}  // namespace paceline
