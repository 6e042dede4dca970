#include "report/format.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(FormatTest, BytesAndDurations) {
  EXPECT_EQ(format_bytes(968'000'000), "968 MB");
  EXPECT_EQ(format_bytes(999'700'000), "1.00 GB");
  EXPECT_EQ(format_bytes(12), "12.0 B");
  EXPECT_EQ(format_duration(3.42), "3.4 s");
  EXPECT_EQ(format_duration(59.97), "1 min 00 s");
  EXPECT_EQ(format_duration(252), "4 min 12 s");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
}

TEST(FormatTest, Ratios) {
  EXPECT_EQ(format_ratio(2.506), "2.51x");
  EXPECT_EQ(format_ratio(0.955), "0.95x");
  EXPECT_EQ(format_ratio(12.44), "12.4x");
}

TEST(FormatTest, ConfigurationsInWords) {
  Configuration configuration{.backend = "native", .batch_size = 64, .order = Order::kLength};
  EXPECT_EQ(configuration_words(configuration), "native fp32, batch 64, sorted by length");
  configuration = {.backend = "native", .device = "cuda:0", .max_batch_tokens = 16384};
  EXPECT_EQ(configuration_words(configuration), "native fp32 on cuda:0, batches of up to 16,384 tokens, as given");
}

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
