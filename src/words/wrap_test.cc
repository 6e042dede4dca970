#include "words/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline {
namespace {

using testing::ElementsAre;

TEST(Wrap, BreaksAtBlanks) {
  EXPECT_THAT(wrap("one two  three four", 9), ElementsAre("one two", "three", "four"));
  EXPECT_THAT(wrap("", 9), ElementsAre());
}

TEST(Wrap, CountsCharactersNotBytes) {
  EXPECT_EQ(text_columns("tr\xC3\xA8s"), 4);
  EXPECT_THAT(wrap("tr\xC3\xA8s bien", 9), ElementsAre("tr\xC3\xA8s bien"));
}

TEST(Wrap, ALongWordStandsAlone) { EXPECT_THAT(wrap("a abcdefghij b", 4), ElementsAre("a", "abcdefghij", "b")); }

}  // namespace
}  // namespace paceline
