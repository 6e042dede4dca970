#include "export/overflow.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

TEST(Overflow, TheLargestWeightIsFoundWhereverItStands) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path(), tiny_config(), [](std::string_view name, std::vector<float>& values) {
    if (name.ends_with("1.output.dense.weight")) values.back() = -7.5F;
  });
  EXPECT_EQ(largest_weight(Checkpoint::open(folder.path())), 7.5);
}

TEST(Overflow, NoModelOfAnyArchitectureIsNearIt) {
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PACELINE_TESTDATA "/families")) {
    SCOPED_TRACE(entry.path());
    const Checkpoint checkpoint = Checkpoint::open(entry.path());
    const double largest = largest_weight(checkpoint);
    EXPECT_TRUE(stays_finite(checkpoint.network(), 50 * largest)) << largest;
    EXPECT_FALSE(stays_finite(checkpoint.network(), 1e20));
    ++models;
  }
  EXPECT_GT(models, 30);
}

// What one layer adds up: 40 neurons of 24 numbers, each of at most (1 + sqrt(24)) w, times w.
TEST(Overflow, GrowsWithTheSums) {
  const Network network = describe_network(tiny_config(), {}, "tiny config");
  EXPECT_TRUE(stays_finite(network, 1e7));
  EXPECT_FALSE(stays_finite(network, 1e9)) << "a score of attention, a product of two sums, is 8 x 4 x (141 x 1e18)^2";
  EXPECT_FALSE(stays_finite(network, std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(stays_finite(network, std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace
}  // namespace paceline
