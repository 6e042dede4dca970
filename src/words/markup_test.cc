#include "words/markup.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace paceline {
namespace {

TEST(EscapeTest, MarkupAndQuotes) {
  EXPECT_EQ(escape_markup("<b a=\"x\" b='y'>&</b>"), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/b&gt;");
}

TEST(EscapeTest, KeepsUtf8) {
  const std::string text = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x9A\xB4";
  EXPECT_EQ(escape_markup(text), text);
}

TEST(EscapeTest, WhatIsNotPrintableIsShown) {
  EXPECT_EQ(escape_markup(std::string("a\0b\x1b\nc", 6)), "a\\x00b\\x1b\\nc");
  EXPECT_EQ(escape_markup("\xC3("), "\\xc3(");
  EXPECT_EQ(escape_markup("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "half a surrogate pair";
  EXPECT_EQ(escape_markup("good\xE2\x80\xAE<dab>"), "good\\u202e&lt;dab&gt;");
  for (const auto& [mark, shown] : {std::pair("\xE2\x80\x8E", "\\u200e"),
                                    {"\xE2\x80\x8F", "\\u200f"},
                                    {"\xE2\x80\xAA", "\\u202a"},
                                    {"\xE2\x81\xA6", "\\u2066"},
                                    {"\xE2\x81\xA9", "\\u2069"},
                                    {"\xD8\x9C", "\\u061c"}}) {
    EXPECT_EQ(escape_markup(mark), shown);
  }
}

TEST(EscapeTest, ReplacesWhatXmlForbids) {
  EXPECT_EQ(escape_markup("\xEF\xBF\xBE<\xEF\xBF\xBF"), "\xEF\xBF\xBD&lt;\xEF\xBF\xBD");
}

}  // namespace
}  // namespace paceline
