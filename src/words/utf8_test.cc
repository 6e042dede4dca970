#include "words/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
const std::string kReplaced = "\xEF\xBF\xBD";

TEST(Utf8, AcceptsTheEdgesOfEachLength) {
  EXPECT_EQ(find_invalid_utf8(""), kNone);
  EXPECT_EQ(find_invalid_utf8(std::string_view("\x00\x7F", 2)), kNone);
  EXPECT_EQ(find_invalid_utf8("\xC2\x80\xDF\xBF"), kNone);
  EXPECT_EQ(find_invalid_utf8("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"), kNone);
  EXPECT_EQ(find_invalid_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), kNone);
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8("abc\x80"), 3U) << "a continuation byte alone";
  EXPECT_EQ(find_invalid_utf8("\xC1\xBF"), 0U) << "overlong, two bytes";
  EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0U) << "overlong, three bytes";
  EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U) << "overlong, four bytes";
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U) << "a surrogate";
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U) << "above U+10FFFF";
  EXPECT_EQ(find_invalid_utf8("\xF5\x80\x80\x80"), 0U) << "no lead byte";
  EXPECT_EQ(find_invalid_utf8("0123456789abcdef\xE2\x82"), 16U) << "cut short at the end, behind whole blocks of ASCII";
}

TEST(Utf8, ReplacesEachIllFormedPartOnce) {
  // The example of the Unicode standard, section 3.9, table 3-8 and following.
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            kReplaced + kReplaced + kReplaced + kReplaced + kReplaced + kReplaced + kReplaced + kReplaced + "A");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"),
            kReplaced + kReplaced + kReplaced + kReplaced + "A");
  EXPECT_EQ(replace_invalid_utf8("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(find_invalid_utf8(replace_invalid_utf8("a\xFFz\xF4")), kNone);
}

}  // namespace
}  // namespace paceline
