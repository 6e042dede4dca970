#include "cli/out_of_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>

#include "cli/subcommands.h"

namespace paceline {
namespace {

TEST(OutOfMemory, NamesFlagsOfTheCommandAndNoOthers) {
  for (const CommandEntry& entry : commands()) {
    const Command command = entry.make();
    const std::string line = out_of_memory_line(command);
    const std::regex flag("--[a-z-]+");
    for (std::sregex_iterator found(line.begin(), line.end(), flag); found != std::sregex_iterator(); ++found) {
      EXPECT_NE(std::ranges::find(command.flags, found->str(), &Flag::name), command.flags.end())
          << entry.name << ": " << line;
    }
  }
}

TEST(OutOfMemory, SaysWhatTakesLess) {
  EXPECT_EQ(out_of_memory_line(make_finetune_command()),
            "paceline: [memory] there is not enough of it. Lower --batch-size or --max-length, or split lines of many "
            "megabytes.");
  EXPECT_EQ(out_of_memory_line(make_inspect_command()),
            "paceline: [memory] there is not enough of it. Close other programs.");
}

}  // namespace
}  // namespace paceline
