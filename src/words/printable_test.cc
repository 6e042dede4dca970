#include "words/printable.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(Printable, TextStaysAsItIs) {
  for (const char* text : {"", "low", "tr\xC3\xA8s bien", "\xE6\x97\xA5\xE6\x9C\xAC", "a \"b\" \\ c",
                           "\xF0\x9F\x98\x80", "zero\xE2\x80\x8Dwidth"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_lines(text), text);
  }
}

TEST(Printable, WhatMovesTheCursorIsShown) {
  EXPECT_EQ(printable("\x1b]0;PWNED\x07\x1b[2Jlow"), "\\x1b]0;PWNED\\x07\\x1b[2Jlow");
  EXPECT_EQ(printable("a\nb\tc\rd\x7f\b"), "a\\nb\\tc\\rd\\x7f\\x08");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "\\u009b2J")
      << "C1: one character that begins a control sequence";
}

TEST(Printable, WhatTurnsTheDirectionOfWritingIsShown) {
  EXPECT_EQ(printable("evil\xE2\x80\xAEtxt.exe"), "evil\\u202etxt.exe");
  EXPECT_EQ(printable("\xE2\x81\xA6x\xE2\x81\xA9"), "\\u2066x\\u2069");
  EXPECT_EQ(printable("\xE2\x80\x8F\xD8\x9C\xE2\x80\xA8"), "\\u200f\\u061c\\u2028");
}

TEST(Printable, WhatIsNotUtf8IsShownByteByByte) {
  EXPECT_EQ(printable("m\xe9"), "m\\xe9");
  EXPECT_EQ(printable("\xC0\xAF|\xED\xA0\x80|\xF4\x90\x80\x80|\xE2\x82"),
            "\\xc0\\xaf|\\xed\\xa0\\x80|\\xf4\\x90\\x80\\x80|\\xe2\\x82");
}

TEST(Printable, LinesKeepTheirEndsAndTabs) { EXPECT_EQ(printable_lines("a\tb\n\x1b[m\r\n"), "a\tb\n\\x1b[m\\r\n"); }

}  // namespace
}  // namespace paceline
