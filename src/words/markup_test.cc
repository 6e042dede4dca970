#include "words/markup.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

TEST(EscapeTest, MarkupAndQuotes) {
  EXPECT_EQ(escape_markup("<b a=\"x\" b='y'>&</b>"), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/b&gt;");
}

TEST(EscapeTest, KeepsUtf8) {
  const std::string text = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x9A\xB4";
  EXPECT_EQ(escape_markup(text), text);
}

TEST(EscapeTest, ReplacesWhatXmlForbids) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(escape_markup(std::string("a\0b\x1b", 4)), "a" + bad + "b" + bad);
  EXPECT_EQ(escape_markup("\xC3"), bad);                                // cut off
  EXPECT_EQ(escape_markup("\xC3("), bad + "(");                         // no continuation
  EXPECT_EQ(escape_markup("\xC0\xAF"), bad + bad);                      // overlong "/"
  EXPECT_EQ(escape_markup("\xE0\x80\xAF"), bad + bad + bad);            // overlong in three bytes
  EXPECT_EQ(escape_markup("\xED\xA0\x80"), bad + bad + bad);            // half a surrogate pair
  EXPECT_EQ(escape_markup("\xF5\x80\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
}

}  // namespace
}  // namespace paceline
