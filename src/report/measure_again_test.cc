#include "report/measure_again.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

struct AgainCase {
  const char* command;
  const char* bench;
  const char* compare;
};

TEST(MeasureAgainTest, NamesAnotherFolderAndComparesTheTwo) {
  const AgainCase cases[] = {
      {"paceline bench m --out out/report --texts 9", "paceline bench m --out out/report-2 --texts 9",
       "paceline compare out/report out/report-2"},
      {"paceline bench m --out=out/report/", "paceline bench m --out=out/report-2",
       "paceline compare out/report/ out/report-2"},
      {"paceline bench m --out 'my report' --text 'a --out b'",
       "paceline bench m --out 'my report-2' --text 'a --out b'", "paceline compare 'my report' 'my report-2'"},
      {R"(paceline bench m --out 'it'\''s mine')", R"(paceline bench m --out 'it'\''s mine-2')",
       R"(paceline compare 'it'\''s mine' 'it'\''s mine-2')"},
      {"paceline bench m '--out=my report'", "paceline bench m --out='my report-2'",
       "paceline compare 'my report' 'my report-2'"},
      {"paceline bench m --protocol article --resume --out o", "paceline bench m --protocol article --out o-2",
       "paceline compare o o-2"},
      {"paceline bench m", "paceline bench m", "paceline compare OLD NEW"},
  };
  for (const AgainCase& one : cases) {
    const MeasureAgain again = measure_again(one.command);
    EXPECT_EQ(again.bench, one.bench);
    EXPECT_EQ(again.compare, one.compare);
  }
}

}  // namespace
}  // namespace paceline
