#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/testing/as_a_signal.h"
#include "paceline/error.h"
#include "results/testing/example_results.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    std::string name = (fs::temp_directory_path() / "report-test-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) folder_ = name;
  }
  ~ReportTest() override { fs::remove_all(folder_); }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder_).string());
    }
    return names;
  }

  fs::path folder_;
};

void small_plan(const fs::path& file) { write_file_atomically(file, "{}\n"); }

/// PATH as a folder of the test's, for as long as it lives.
class OnlyPath {
 public:
  explicit OnlyPath(const fs::path& folder) : before_(getenv("PATH")) { setenv("PATH", folder.c_str(), 1); }
  OnlyPath(const OnlyPath&) = delete;
  OnlyPath& operator=(const OnlyPath&) = delete;
  ~OnlyPath() { setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

constexpr const char* kCharts[] = {"speedup", "ms_per_text", "order_gain",      "sequence_length",
                                   "lengths", "latency",     "memory_and_load", "roof"};

TEST_F(ReportTest, WritesEveryFileAndNothingElse) {
  // Stands for rsvg-convert: its fourth word is --output=FILE.
  fs::create_directory(folder_ / "bin");
  write_file_atomically(folder_ / "bin" / "rsvg-convert", "#!/bin/sh\necho drawn >\"${3#--output=}\"\n");
  fs::permissions(folder_ / "bin" / "rsvg-convert", fs::perms::owner_all);
  const OnlyPath path(folder_ / "bin");
  EXPECT_EQ(write_report(example_results(), folder_ / "out", small_plan), "");
  std::vector<std::string> expected = {"bin/rsvg-convert", "out/report.html", "out/report.json", "out/samples.csv",
                                       "out/plan.json"};
  for (const std::string chart : kCharts) {
    expected.push_back("out/charts/" + chart + ".svg");
    expected.push_back("out/charts/" + chart + ".png");
  }
  EXPECT_THAT(files(), testing::UnorderedElementsAreArray(expected));
}

TEST_F(ReportTest, WithoutAProgramForPngTheSvgsStayAndARemarkSaysSo) {
  fs::create_directory(folder_ / "bin");
  const OnlyPath path(folder_ / "bin");
  EXPECT_THAT(write_report(example_results(), folder_ / "out"), testing::HasSubstr("librsvg2-bin"));
  EXPECT_TRUE(fs::exists(folder_ / "out/charts/speedup.svg"));
  EXPECT_FALSE(fs::exists(folder_ / "out/charts/speedup.png"));
}

TEST_F(ReportTest, AProgramForPngThatFailsLeavesNothingHalfWritten) {
  fs::create_directory(folder_ / "bin");
  write_file_atomically(folder_ / "bin" / "rsvg-convert", "#!/bin/sh\necho half >\"${3#--output=}\"\nexit 1\n");
  fs::permissions(folder_ / "bin" / "rsvg-convert", fs::perms::owner_all);
  const OnlyPath path(folder_ / "bin");
  EXPECT_THAT(write_report(example_results(), folder_ / "out"), testing::HasSubstr("SVG only"));
  EXPECT_FALSE(fs::exists(folder_ / "out/charts/speedup.png"));
}

TEST_F(ReportTest, AllFilesAreOfOneRunAndOthersStay) {
  write_report(example_results(), folder_, small_plan);
  write_file_atomically(folder_ / "charts" / "mine.svg", "mine");
  write_file_atomically(folder_ / "notes.txt", "mine");
  write_file_atomically(folder_ / "profile.json", "of another command");
  BenchResults other;
  other.command = "another command";
  write_report(other, folder_);
  EXPECT_THAT(files(), UnorderedElementsAre("charts/mine.svg", "notes.txt", "profile.json", "report.html",
                                            "report.json", "samples.csv"));
  EXPECT_THAT(read_file(folder_ / "report.json", 1 << 24), testing::HasSubstr("another command"));
}

TEST_F(ReportTest, AFileThatCannotBeReplacedLeavesTheEarlierReportAsItWas) {
  write_report(example_results(), folder_, small_plan);
  fs::remove(folder_ / "report.html");
  fs::create_directories(folder_ / "report.html" / "a folder where a file should go");
  const std::vector<std::string> before = files();
  const std::string report = read_file(folder_ / "report.json", 1 << 24);
  BenchResults other = example_results();
  other.command = "another command";
  EXPECT_THROW(write_report(other, folder_), Error);
  EXPECT_THAT(files(), testing::UnorderedElementsAreArray(before));
  EXPECT_EQ(read_file(folder_ / "report.json", 1 << 24), report);
  EXPECT_TRUE(fs::is_directory(folder_ / "report.html"));
}

TEST_F(ReportTest, OnlyARunThatSaysNoLessReplacesAReport) {
  const BenchResults whole = example_results();
  BenchResults part = whole;
  part.interrupted = true;
  BenchResults stopped;
  stopped.interrupted = true;
  EXPECT_EQ(report_folder(stopped, folder_), folder_);
  write_report(stopped, folder_);
  EXPECT_EQ(report_folder(part, folder_), folder_);
  write_report(part, folder_);
  EXPECT_EQ(report_folder(stopped, folder_), std::nullopt);
  EXPECT_EQ(report_folder(BenchResults{}, folder_), folder_ / "incomplete");
  EXPECT_EQ(report_folder(part, folder_), folder_);
  write_report(whole, folder_);
  EXPECT_EQ(report_folder(part, folder_), folder_ / "incomplete");
  EXPECT_EQ(report_folder(stopped, folder_), std::nullopt);
  EXPECT_EQ(report_folder(whole, folder_), folder_);
  write_report(part, folder_ / "incomplete");
  EXPECT_EQ(report_folder(BenchResults{}, folder_), std::nullopt);
  write_file_atomically(folder_ / "report.json", "{\"schema_version\": 99}");
  EXPECT_EQ(report_folder(part, folder_), folder_ / "incomplete");
}

TEST_F(ReportTest, OnlyACompleteRunRemovesAnIncompleteReport) {
  const BenchResults whole = example_results();
  BenchResults part = whole;
  part.interrupted = true;
  write_report(part, folder_ / "incomplete", small_plan);
  write_file_atomically(folder_ / "incomplete" / "notes.txt", "mine");
  write_report(part, folder_);
  EXPECT_TRUE(fs::exists(folder_ / "incomplete" / "report.json"));
  write_report(whole, folder_);
  EXPECT_FALSE(fs::exists(folder_ / "incomplete" / "report.json"));
  EXPECT_FALSE(fs::exists(folder_ / "incomplete" / "charts"));
  EXPECT_TRUE(fs::exists(folder_ / "incomplete" / "notes.txt"));
  write_report(part, folder_ / "incomplete");
  fs::remove(folder_ / "incomplete" / "notes.txt");
  write_report(whole, folder_);
  EXPECT_FALSE(fs::exists(folder_ / "incomplete"));
}

TEST_F(ReportTest, WhetherAFolderCanBeWrittenIsTriedWithoutATrace) {
  check_report_folder(folder_ / "new");
  check_report_folder(folder_);
  check_profile_folder(folder_ / "new");
  EXPECT_THAT(files(), UnorderedElementsAre());
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  write_file_atomically(folder_ / "file", "x");
  EXPECT_THROW(check_report_folder(folder_ / "file"), Error);
  EXPECT_THROW(check_report_folder(folder_ / "file" / "below"), Error);
  fs::create_directory(folder_ / "plan.json");
  EXPECT_THROW(check_report_folder(folder_), Error);
  check_profile_folder(folder_);
}

TEST_F(ReportTest, LeavesNothingWhereThePlanCannotBeWritten) {
  const PlanWriter fails = [](const fs::path&) { throw Error(ErrorCode::kResourceExhausted, "[plan] disk full."); };
  EXPECT_THROW(write_report(example_results(), folder_ / "out", fails), Error);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(ReportTest, ASignalWhileItIsWrittenLeavesNothing) {
  bool gone = false;
  const PlanWriter interrupted = [&](const fs::path& file) {
    small_plan(file);
    remove_as_a_signal_does();
    gone = fs::is_empty(folder_);
    throw Error(ErrorCode::kInternal, "[test] the process would have ended.");
  };
  EXPECT_THROW(write_report(example_results(), folder_ / "out", interrupted), Error);
  EXPECT_TRUE(gone);
}

TEST_F(ReportTest, LeavesAnEarlierReportAsItWasWhereWritingFails) {
  write_file_atomically(folder_ / "report.html", "earlier");
  const PlanWriter fails = [](const fs::path&) { throw Error(ErrorCode::kResourceExhausted, "[plan] disk full."); };
  EXPECT_THROW(write_report(example_results(), folder_, fails), Error);
  EXPECT_THAT(files(), UnorderedElementsAre("report.html"));
  EXPECT_EQ(read_file(folder_ / "report.html", 100), "earlier");
}

TEST_F(ReportTest, TakesBackWhatItPlacedWhereOneFileCannotBeReplaced) {
  fs::create_directories(folder_ / "report.json" / "a folder where a file should go");
  try {
    write_report(example_results(), folder_);
    FAIL() << "a folder was replaced by a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), testing::HasSubstr("report.json"));
  }
  EXPECT_THAT(files(), UnorderedElementsAre());
}

TEST_F(ReportTest, RefusesAFileAsTheFolder) {
  write_file_atomically(folder_ / "file", "x");
  try {
    write_report(example_results(), folder_ / "file");
    FAIL() << "a file was taken for a folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.what(), testing::HasSubstr("--out"));
  }
}

TEST_F(ReportTest, WritesAReportOfNothing) {
  write_report(BenchResults{}, folder_);
  EXPECT_THAT(files(), UnorderedElementsAre("report.html", "report.json", "samples.csv"));
}

}  // namespace
}  // namespace paceline
