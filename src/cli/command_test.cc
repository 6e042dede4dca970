#include "cli/command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/testing/expect_error.h"
#include "cli/subcommands.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct Parsed {
  std::filesystem::path model;
  std::string name;
  int32_t count = 1;
  bool quiet = false;
};

Command example(Parsed& parsed) {
  return {.name = "example",
          .summary = "for tests",
          .flags = {model_dir_flag(parsed.model),
                    {"--name", "NAME", "a name (default none)", set_string(parsed.name), true},
                    {"--count", "N", "a number (default 1)", set_integer(parsed.count, 1, 9)},
                    {"--quiet", "", "no progress (default: shown)", set_switch(parsed.quiet)}},
          .notes = "",
          .run = nullptr};
}

Parsed parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  parse_arguments(example(parsed), arguments);
  return parsed;
}

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

TEST(Arguments, FlagsStandAnywhere) {
  const Parsed parsed = parse({"--quiet", "model", "--name=x y", "--quiet", "--count", "5"});
  EXPECT_EQ(parsed.model, "model");
  EXPECT_EQ(parsed.name, "x y");
  EXPECT_EQ(parsed.count, 5);
  EXPECT_TRUE(parsed.quiet);
}

TEST(Arguments, AFlagGivenTwiceIsRefused) {
  EXPECT_EQ(refusal({"model", "--name", "a", "--count", "3", "--count=3"}),
            "[example] --count was given twice (3 and 3). Give it once. See paceline example --help.");
  EXPECT_NE(refusal({"model", "--name", "a", "--name", "", "--name", "c"}).find("--name was given 3 times"),
            std::string::npos);
}

TEST(Arguments, AListGivenTwiceIsShownAsOne) {
  expect_error(
      ErrorCode::kInvalidArgument,
      [] {
        parse_arguments(make_classify_command(), {"model", "--threshold", "low=0.9", "--threshold", "high=0.1"});
      },
      "--threshold was given twice (low=0.9 and high=0.1). Give it once, as low=0.9,high=0.1.");
  expect_error(
      ErrorCode::kInvalidArgument,
      [] {
        parse_arguments(make_bench_command(),
                        {"model", "--text", "a", "--out", "b", "--batch-sizes", "1", "--batch-sizes", "8"});
      },
      "as 1,8.");
}

TEST(Arguments, WhatMayBeRepeatedCountsEachTime) {
  parse_arguments(make_verify_command(), {"model", "--onnx", "a.onnx", "--onnx", "b.onnx"});
}

TEST(Arguments, WhatIsMissingIsNamed) {
  EXPECT_NE(refusal({"model"}).find("--name is missing"), std::string::npos);
  EXPECT_NE(refusal({"--name", "a"}).find("MODEL_DIR is missing"), std::string::npos);
  EXPECT_EQ(refusal({"model", "--name"}),
            "[example] --name was given without a value, NAME was expected behind it. See paceline example --help.");
  EXPECT_EQ(refusal({"model", "--name", "a", "--quiet=maybe"}),
            "[example] --quiet was given a value, and it takes none. See paceline example --help.");
}

TEST(Arguments, AnUnknownFlagGetsTheNearest) {
  EXPECT_NE(refusal({"model", "--nmae", "a"}).find("Did you mean --name?"), std::string::npos);
  EXPECT_NE(refusal({"model", "--name", "a", "--conut=4"}).find("Did you mean --count?"), std::string::npos);
  const std::string far = refusal({"model", "--name", "a", "--zzzzzzzz"});
  EXPECT_EQ(far.find("Did you mean"), std::string::npos) << far;
  EXPECT_NE(refusal({"model", "--name", "a", "extra"}).find("\"extra\" was not expected"), std::string::npos);
}

TEST(Arguments, AFlagOfAnotherSubcommandGetsTheOneOfThis) {
  const auto suggests = [](const char* command, const std::vector<std::string>& arguments, const char* flag) {
    const auto entry = std::find_if(commands().begin(), commands().end(),
                                    [&](const CommandEntry& one) { return one.name == std::string(command); });
    expect_error(
        ErrorCode::kInvalidArgument, [&] { parse_arguments(entry->make(), arguments); },
        std::string("Did you mean ") + flag + "?");
  };
  suggests("classify", {"model", "--text", "a.txt"}, "--input");
  suggests("bench", {"model", "--input=a.txt"}, "--text");
  suggests("verify", {"model", "--input", "a.txt"}, "--text");
  suggests("bench", {"model", "--text", "a.txt", "--output", "b"}, "--out");
  suggests("classify", {"model", "--out", "b"}, "--output");
  suggests("bench", {"model", "--text", "a.txt", "--device", "cuda"}, "--devices");
}

TEST(Help, TheUsageLineHasWhatIsUsuallyGiven) {
  EXPECT_NE(
      help_text(make_bench_command()).find("  paceline bench MODEL_DIR|plan.json --text FILE --out DIR [flags]\n"),
      std::string::npos);
}

TEST(Arguments, ABadValueNamesItsFlag) {
  const std::string message = refusal({"model", "--name", "a", "--count", "ten"});
  EXPECT_NE(message.find("--count: \"ten\" was given"), std::string::npos) << message;
}

TEST(Arguments, TheCommandLineCanBeTypedAgain) {
  EXPECT_EQ(quote_command_line({"bench", "out/model", "--text", "my file's.txt", ""}),
            "paceline bench out/model --text 'my file'\\''s.txt' ''");
}

TEST(Help, FitsOneScreenAndSaysEveryDefault) {
  constexpr std::size_t kLines = 40;
  constexpr std::size_t kColumns = 100;
  for (const CommandEntry& entry : commands()) {
    const Command command = entry.make();
    EXPECT_EQ(command.name, entry.name);
    std::istringstream help(help_text(command));
    std::size_t lines = 0;
    for (std::string line; std::getline(help, line); ++lines) EXPECT_LE(line.size(), kColumns) << line;
    EXPECT_LE(lines, kLines) << entry.name;
    std::set<std::string> names;
    for (const Flag& flag : command.flags) {
      EXPECT_TRUE(names.insert(flag.name).second) << flag.name << " stands twice";
      EXPECT_TRUE(flag.required || flag.help.find("default") != std::string::npos ||
                  (entry.name == std::string("bench") && flag.name == "--out"))
          << entry.name << " " << flag.name << " does not say its default";
    }
  }
}

}  // namespace
}  // namespace paceline
