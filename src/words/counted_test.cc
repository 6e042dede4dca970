#include "words/counted.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(CountedTest, OneIsSingularAndNothingIsNot) {
  EXPECT_EQ(counted(1, "text"), "1 text");
  EXPECT_EQ(counted(0, "text"), "0 texts");
  EXPECT_EQ(counted(1000, "text"), "1,000 texts");
}

TEST(CountedTest, SomeNounsTakeAnotherEnding) {
  EXPECT_EQ(counted(1, "batch"), "1 batch");
  EXPECT_EQ(counted(2, "batch"), "2 batches");
}

}  // namespace
}  // namespace paceline
