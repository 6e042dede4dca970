#include "words/suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paceline {
namespace {

const std::vector<std::string> kNames = {"native", "onnxruntime", "torchscript"};

TEST(Suggest, FindsTheNearestNameOrNone) {
  EXPECT_EQ(nearest_name("nativ", kNames), "native");
  EXPECT_EQ(nearest_name("onxruntime", kNames), "onnxruntime");
  EXPECT_EQ(nearest_name("torch_script", kNames), "torchscript");
  EXPECT_EQ(nearest_name("tensorflow", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name(std::string(1'000'000, 'n'), kNames), "");
}

TEST(Suggest, ListsWhatIsKnown) {
  EXPECT_EQ(suggestion("nativ", kNames), "Did you mean \"native\"? Known: native, onnxruntime, torchscript.");
  EXPECT_EQ(suggestion("zzz", kNames), "Known: native, onnxruntime, torchscript.");
  EXPECT_EQ(suggestion("zzz", std::vector<std::string>{"a, b", "c"}), "Known: \"a, b\", c.");
  EXPECT_EQ(suggestion("zzz", std::vector<std::string>{"a b", "c;d", "e..."}), "Known: \"a b\", \"c;d\", e...");
}

TEST(Excerpt, IsShortPrintableAndUtf8) {
  EXPECT_EQ(excerpt("abc"), "abc");
  EXPECT_EQ(excerpt("a\nb\x01\x7f"), "a\\nb\\x01\\x7f");
  EXPECT_EQ(excerpt("ab\x1b", 4), "ab...");  // an escape does not fit in part either
  EXPECT_EQ(excerpt("abcdef", 3), "abc...");
  EXPECT_EQ(excerpt("\xC3\xA9t\xC3\xA9", 3), "\xC3\xA9t...");  // the last character does not fit whole
  EXPECT_EQ(excerpt("\xE2\x82\xAC \xF0\x9F\x98\x80"), "\xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(excerpt("\xC0\xAF|"), "\\xc0\\xaf|");
  EXPECT_EQ(excerpt(std::string(1000, 'x')).size(), 63u);
}

}  // namespace
}  // namespace paceline
