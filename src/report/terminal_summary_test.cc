#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "report/findings.h"
#include "report/report.h"
#include "results/report_reader.h"
#include "results/testing/example_results.h"
#include "results/testing/golden.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TerminalSummaryTest, Golden) {
  const BenchResults stored = read_report(std::filesystem::path(PACELINE_TESTDATA) / "report" / "results.json");
  expect_golden("terminal.txt", terminal_summary(stored, {.width = 80, .out_dir = "out/demo/report"}));
}

TEST(TerminalSummaryTest, KeepsToTheWidth) {
  BenchResults results = example_results();
  results.notes.push_back("The machine was busy: other programs used 12 % of its time, so that intervals are wide.");
  for (const int width : {40, 60, 80, 120}) {
    std::istringstream lines(terminal_summary(results, {.width = width, .out_dir = "out"}));
    for (std::string line; std::getline(lines, line);) {
      // A path or a command is one word to the reader and may stick out.
      if (line.starts_with("Report: ") || line.starts_with("Use it: ")) continue;
      EXPECT_LE(static_cast<int>(line.size()), std::max(width, 48)) << line;
    }
  }
}

TEST(TerminalSummaryTest, AFullRunKeepsToTheWidth) {
  for (const int width : {80, 100, 200}) {
    std::istringstream lines(terminal_summary(article_results(), {.width = width, .remark = "SVG only."}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(static_cast<int>(line.size()), width) << line;
  }
}

TEST(TerminalSummaryTest, SaysWhyNotTheOthersAndWhatLengthsCost) {
  const std::string summary = terminal_summary(article_results(), {.width = 120});
  EXPECT_THAT(summary, HasSubstr("torch-eager fp32, batch 64, sorted by length"));
  EXPECT_THAT(summary, HasSubstr("takes 2.96 times as long (2.90 to 3.02)"));
  EXPECT_THAT(summary, HasSubstr("Goal: least time per text. Required: 99 of 100 texts alone within 80.0 ms"));
  EXPECT_THAT(summary, HasSubstr("ms/text at tokens "));
  EXPECT_THAT(summary, HasSubstr("cost 0.675 at 0.180 an hour"));
}

TEST(TerminalSummaryTest, LabelsGiveAColumnAndTheFrontier) {
  const std::string summary = terminal_summary(labelled_results(), {.width = 200});
  EXPECT_THAT(summary, HasSubstr("Accuracy over speed: native bf16 91.2 % at "));
  EXPECT_THAT(summary, HasSubstr("It is the fastest that the gate accepted, and no slower one is surely better (2,000 "
                                 "labelled texts)."));
  EXPECT_THAT(summary, HasSubstr("speed-up  accuracy  gate"));
  EXPECT_THAT(summary, HasSubstr("at most 0.50 points of accuracy below fp32"));
  EXPECT_THAT(terminal_summary(article_results(), {.width = 200}), Not(HasSubstr("ccuracy")));
}

/// What decided is named, and nothing else.
TEST(TerminalSummaryTest, EqualLabelsAreALimitWhereTheyDecided) {
  BenchResults results = labelled_results();
  for (BackendResult& backend : results.backends) {
    if (backend.compute_type != "fp32") backend.gate.basis = GateBasis::kAccuracy;
  }
  EXPECT_THAT(goal_words(results), Not(HasSubstr("of the labels")));
  results.backends[1].gate.basis = GateBasis::kAnswers;
  EXPECT_THAT(goal_words(results),
              HasSubstr("at least 99.5 % of the labels as in fp32 where the labelled texts are too few to tell."));
  EXPECT_THAT(goal_words(example_results()), HasSubstr("at least 99.5 % of the labels as in fp32."));
  results.labelled->metric = Metric::kPearson;
  results.constraints.min_accuracy = 0.8;
  EXPECT_THAT(goal_words(results),
              HasSubstr("Pearson correlation of at least 0.800; Pearson correlation at most 0.0050 "
                        "below that of fp32"));
}

TEST(TerminalSummaryTest, ShowsAllColumnsAt80) {
  EXPECT_THAT(terminal_summary(example_results(), {.width = 80}),
              HasSubstr("batch  order   ms/text      interval  texts/s  speed-up\n"));
}

TEST(TerminalSummaryTest, ExploratoryFiguresStandApartHoweverFastTheyLook) {
  BenchResults results = example_results();
  for (CellResult& cell : results.cells) {
    if (cell.configuration.backend != "onnxruntime-unpadded") continue;
    cell.confirmed = false;
    cell.ms_per_text = example::around(1, 0.02);
  }
  const std::string summary = terminal_summary(results, {});
  const std::size_t line = summary.find("  exploratory (measured once):\n");
  ASSERT_NE(line, std::string::npos);
  EXPECT_LT(summary.find("* native"), line);
  EXPECT_LT(summary.find("b onnxruntime"), line);
  EXPECT_GT(summary.find("onnxruntime-unpadded"), line);
  for (CellResult& cell : results.cells) cell.confirmed = true;
  EXPECT_THAT(terminal_summary(results, {}), Not(HasSubstr("exploratory")));
}

TEST(TerminalSummaryTest, NamesNoFileWithoutAFolder) {
  EXPECT_THAT(terminal_summary(example_results(), {}), Not(HasSubstr("report.html")));
}

TEST(TerminalSummaryTest, ColourOnlyWhereAsked) {
  EXPECT_THAT(terminal_summary(example_results(), {.color = false}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(terminal_summary(example_results(), {.color = true}), HasSubstr("\x1b[1;32m"));
}

TEST(TerminalSummaryTest, SaysWhatIsOutAndWhatIsRejected) {
  BenchResults results = example_results();
  results.backends[1].gate.accepted = false;
  results.backends[1].gate.verdict = "12 of 256 texts got another label.";
  results.backends.push_back(example::failed_backend("torch-eager", "killed by signal 9"));
  const std::string summary = terminal_summary(results, {});
  EXPECT_THAT(summary, HasSubstr("onnxruntime fp32: 12 of 256 texts got another label."));
  EXPECT_THAT(summary, HasSubstr("torch-eager fp32 could not be measured: killed by signal 9"));
  EXPECT_THAT(summary, HasSubstr("x rejected"));
}

TEST(TerminalSummaryTest, SaysOnceWhatIsOut) {
  BenchResults results = example_results();
  results.backends.push_back(example::failed_backend("torch-eager", "killed by signal 9"));
  results.recommendation.rejections.push_back({"torch-eager fp32", "could not be measured: killed by signal 9"});
  const std::string summary = terminal_summary(results, {});
  EXPECT_EQ(summary.find("killed by signal 9"), summary.rfind("killed by signal 9"));
}

TEST(TerminalSummaryTest, ABackendThatIsMissingForEveryTypeStandsOnce) {
  BenchResults results = example_results();
  results.recommendation.rejections = {{"torch-eager fp32", "could not be measured: is not installed"},
                                       {"onnxruntime int8", "could not be measured: is not installed"},
                                       {"torch-eager bf16", "could not be measured: is not installed"}};
  const std::string summary = terminal_summary(results, {});
  EXPECT_THAT(summary, HasSubstr("torch-eager fp32, bf16 "));
  EXPECT_THAT(summary, HasSubstr("onnxruntime int8 "));
}

TEST(TerminalSummaryTest, SaysWhereTheRecommendationIsNotDecided) {
  BenchResults results = example_results();
  ASSERT_TRUE(results.recommendation.runner_up);
  EXPECT_THAT(terminal_summary(results, {}), Not(HasSubstr("ot decided")));
  results.recommendation.outcome = Lead::kUnresolved;
  const std::string summary = terminal_summary(results, {.width = 200});
  EXPECT_THAT(summary, HasSubstr("Recommended, not decided: native fp32"));
  EXPECT_THAT(summary, HasSubstr("this run cannot tell it apart from onnxruntime fp32"));
}

TEST(TerminalSummaryTest, SaysWhereTheBaselineIsExploratory) {
  BenchResults results = example_results();
  const std::string words = "The baseline was measured only once";
  for (CellResult& cell : results.cells) cell.confirmed = true;
  EXPECT_THAT(terminal_summary(results, {}), Not(HasSubstr(words)));
  for (CellResult& cell : results.cells) cell.confirmed = cell.configuration != *results.baseline;
  EXPECT_THAT(terminal_summary(results, {}), HasSubstr(words));
}

TEST(TerminalSummaryTest, NothingMeasured) {
  BenchResults results;
  results.interrupted = true;
  const std::string summary = terminal_summary(results, {.out_dir = "out"});
  EXPECT_THAT(summary, HasSubstr("Nothing was measured\n"));
  EXPECT_THAT(summary, HasSubstr("interrupted"));
  EXPECT_THAT(summary, Not(HasSubstr("classify")));
}

TEST(TerminalSummaryTest, ControlCharactersDoNotReachTheTerminal) {
  BenchResults results = example_results();
  results.notes = {"a\x1b]0;title\x07 b"};
  EXPECT_THAT(terminal_summary(results, {}), HasSubstr(R"(Note: a\x1b]0;title\x07 b)"));
}

}  // namespace
}  // namespace paceline
