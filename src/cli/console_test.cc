#include "cli/console.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

template <class Action>
std::string shown(Action action) {
  Console console;
  testing::internal::CaptureStderr();
  action(console);
  return testing::internal::GetCapturedStderr();
}

TEST(Console, ANoteIsOneLine) {
  EXPECT_EQ(shown([](Console& console) { console.note("paceline: a\n---\nb: x.jsonl\x1b[2J: 3 texts."); }),
            "paceline: a\\n---\\nb: x.jsonl\\x1b[2J: 3 texts.\n");
}

TEST(Console, LinesStayLines) {
  EXPECT_EQ(shown([](Console& console) { console.note_lines("one\n  two\x1b"); }), "one\n  two\\x1b\n");
}

}  // namespace
}  // namespace paceline
