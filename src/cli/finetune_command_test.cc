#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/testing/expect_error.h"
#include "cli/subcommands.h"

namespace paceline {
namespace {

/// What the command says to these flags before it opens anything.
void expect_refused(std::vector<std::string> flags, const std::string& said) {
  std::vector<std::string> arguments{"no-model", "--train", "a.csv", "--eval", "b.csv", "--out", "c"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        const Command command = make_finetune_command();
        parse_arguments(command, arguments);
        Console console;
        command.run({.console = console, .command_line = ""});
      },
      said);
}

TEST(FinetuneCommand, EpochsAndStepsExcludeEachOther) {
  const std::string said =
      "--epochs and --steps were given, and each says how long the training is. Give one of the two.";
  expect_refused({"--epochs", "5", "--steps", "1"}, said);
  expect_refused({"--steps", "1", "--epochs", "3"}, said);
}

TEST(FinetuneCommand, FlagsOfATeacherNeedOneAlsoWithTheirDefaults) {
  for (const auto& [flag, value] :
       {std::pair("--teacher-share", "0.5"), {"--temperature", "2"}, {"--hidden-weight", "0"}}) {
    expect_refused({flag, value}, std::string(flag) + " was given, and no --teacher, which it is about.");
  }
}

TEST(FinetuneCommand, AWordThatIsNotKnownIsToldAllThatIs) {
  for (const char* value : {"-1", "foo", "1.5", ""}) {
    expect_refused({"--freeze", value}, "--freeze: \"" + std::string(value) +
                                            "\" was given, expected encoder, embeddings or a number of layers.");
  }
  expect_refused({"--freeze", "encodr"}, "Did you mean \"encoder\"?");
  expect_refused({"--eval-every", "epoc"}, "expected epoch or a number of updates. Did you mean \"epoch\"?");
  expect_refused({"--class-weights", "balancd"},
                 "expected balanced, or LABEL=NUMBER, several separated by commas. Did you");
}

}  // namespace
}  // namespace paceline
