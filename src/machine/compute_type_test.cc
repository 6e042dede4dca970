#include "machine/compute_type.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(ComputeTypes, AreFoundByName) {
  const ComputeType* int8 = find_compute_type("int8");
  ASSERT_NE(int8, nullptr);
  EXPECT_EQ(int8->weight_bytes, 1);
  EXPECT_EQ(int8->roof, &Roof::int8_gops);
  EXPECT_FALSE(int8->exact);
  EXPECT_TRUE(find_compute_type("fp32")->exact);
  EXPECT_EQ(find_compute_type("fp16")->roof, nullptr) << "its roof is not measured";
}

TEST(ComputeTypes, OfAUsersOwnFileAreUnknown) { EXPECT_EQ(find_compute_type("exported"), nullptr); }

}  // namespace
}  // namespace paceline
