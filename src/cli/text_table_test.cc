#include "cli/text_table.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(TextTable, ColumnsAreAsWideAsWhatStandsInThem) {
  EXPECT_EQ(text_table({{"backend", "type", "texts", "oracle"},
                        {"native", "fp32", "8", "reference"},
                        {"a-longer-name", "bf16-autocast", "1024", "x"}},
                       "llrl"),
            "backend        type           texts  oracle\n"
            "native         fp32               8  reference\n"
            "a-longer-name  bf16-autocast   1024  x\n");
}

TEST(TextTable, ASentenceAtTheEndWidensNothing) {
  EXPECT_EQ(text_table({{"a", "1", "x"}, {"bb", "It is not installed."}}, "lrl"),
            "a   1  x\n"
            "bb  It is not installed.\n");
}

TEST(TextTable, CountsCharactersAndNotBytes) {
  EXPECT_EQ(text_table({{"\xC3\xA9", "1"}, {"ab", "2"}}, "ll"), "\xC3\xA9   1\nab  2\n");
}

}  // namespace
}  // namespace paceline
