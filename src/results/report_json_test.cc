#include "results/report_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "base/json.h"
#include "results/report_reader.h"
#include "results/samples_csv.h"
#include "results/testing/example_results.h"
#include "results/testing/golden.h"

namespace paceline {
namespace {

/// Two backends at two batch sizes and one that is out: small enough for golden files to be read.
constexpr std::string_view kStored = "results.json";

std::filesystem::path stored_file() { return std::filesystem::path(PACELINE_TESTDATA) / "report" / kStored; }

Json report_of(const BenchResults& results) { return parse_json(report_json(results), "report.json"); }

TEST(ReportJsonTest, AStoredReportIsWrittenAsItWasRead) {
  EXPECT_EQ(report_json(read_report(stored_file())), read_file(stored_file(), 1 << 20));
}

TEST(ReportJsonTest, HasWhatScriptsRelyOn) {
  const Json report = report_of(example_results());
  EXPECT_EQ(report.at("schema_version"), BenchResults::kSchemaVersion);
  for (const char* key : {"cpu", "isa", "threads", "roof_gflops", "memory_bandwidth_gbps"}) {
    EXPECT_TRUE(report.at("machine").contains(key)) << key;
  }
  for (const char* key : {"texts", "mean_tokens", "token_histogram"}) {
    EXPECT_TRUE(report.at("workload").contains(key)) << key;
  }
  ASSERT_EQ(report.at("configurations").size(), 42u);
  for (const Json& row : report.at("configurations")) {
    for (const char* key :
         {"backend", "backend_version", "compute_type", "device", "batch_size", "order", "threads", "padding_ratio",
          "rounds", "confirmed", "ms_per_text", "texts_per_second", "speedup", "agreement", "max_abs_logit_diff",
          "accepted", "roof_share", "peak_memory_bytes", "load_ms"}) {
      EXPECT_TRUE(row.contains(key)) << key;
    }
    for (const char* key : {"median", "low", "high", "min"}) EXPECT_TRUE(row.at("ms_per_text").contains(key)) << key;
  }
  for (const char* key : {"configuration", "reason", "runner_up"}) {
    EXPECT_TRUE(report.at("recommendation").contains(key)) << key;
  }
  EXPECT_TRUE(report.contains("length_sweep"));
}

TEST(ReportJsonTest, AccuracyStandsInEveryRowAndSample) {
  const BenchResults results = labelled_results();
  const Json report = report_of(results);
  EXPECT_EQ(report.at("labelled").at("metric"), "accuracy");
  EXPECT_EQ(report.at("backends").at(2).at("gate").at("judged_by"), "accuracy");
  for (const Json& row : report.at("configurations")) {
    if (row.contains("error")) continue;
    EXPECT_GT(row.at("accuracy"), 0.8);
    EXPECT_EQ(row.contains("accuracy_difference"), row.at("backend") != "torch-eager");
  }
  const std::string samples = samples_csv(results);
  EXPECT_THAT(samples, testing::HasSubstr(",ms_per_text,accuracy,accuracy_low,accuracy_high,accuracy_difference\n"));
  EXPECT_THAT(samples, testing::HasSubstr(",0.892000,0.879000,0.904000,-0.020000\n"));
  EXPECT_THAT(samples, testing::HasSubstr(",0.912000,0.899000,0.924000,\n"));
  const Json without = report_of(article_results());
  EXPECT_FALSE(without.contains("labelled"));
  EXPECT_FALSE(without.at("backends").at(0).contains("accuracy"));
}

TEST(ReportJsonTest, ErrorsStandInsteadOfFigures) {
  BenchResults results = example_results();
  results.cells[0].error = "killed by signal 9";
  results.backends.push_back(example::failed_backend("torch-eager", "not installed"));
  const Json rows = report_of(results).at("configurations");
  EXPECT_EQ(rows.at(0).at("error"), "killed by signal 9");
  EXPECT_FALSE(rows.at(0).contains("ms_per_text"));
  EXPECT_EQ(rows.back().at("backend"), "torch-eager");
  EXPECT_EQ(rows.back().at("error"), "not installed");
}

TEST(ReportJsonTest, ATokenBudgetTakesTheBatchSizesPlace) {
  BenchResults results = example_results();
  results.cells[0].configuration.batch_size = 0;
  results.cells[0].configuration.max_batch_tokens = 4096;
  const Json row = report_of(results).at("configurations").at(0);
  EXPECT_FALSE(row.contains("batch_size"));
  EXPECT_EQ(row.at("max_batch_tokens"), 4096);
}

TEST(ReportJsonTest, NoNumberIsMadeUp) {
  BenchResults results = example_results();
  results.cells[0].ms_per_text = {.median = 24};
  results.cells[0].speedup = {.median = NAN, .low = NAN, .high = NAN};
  results.cells[0].roof_share = INFINITY;
  results.backends[0].gate = {};
  const Json row = report_of(results).at("configurations").at(0);
  EXPECT_TRUE(row.at("ms_per_text").at("low").is_null());
  EXPECT_TRUE(row.at("speedup").at("median").is_null());
  EXPECT_TRUE(row.at("roof_share").is_null());
  EXPECT_TRUE(row.at("agreement").is_null());
  EXPECT_TRUE(row.at("accepted").is_null());
}

TEST(ReportJsonTest, NothingMeasuredIsStillAReport) {
  const Json report = report_of(BenchResults{});
  EXPECT_TRUE(report.at("configurations").empty());
  EXPECT_TRUE(report.at("baseline").is_null());
  EXPECT_EQ(report.at("recommendation").at("valid"), false);
}

TEST(ReportJsonTest, BytesThatAreNotUtf8AreReplaced) {
  BenchResults results;
  results.workload.source = "texts\xFF.txt";
  EXPECT_EQ(report_of(results).at("workload").at("source"), "texts\xEF\xBF\xBD.txt");
}

TEST(SamplesCsvTest, Golden) { expect_golden("samples.csv", samples_csv(read_report(stored_file()))); }

TEST(SamplesCsvTest, ALineForEachTiming) {
  const BenchResults results = example_results();
  std::size_t timings = 0;
  for (const CellResult& cell : results.cells) timings += cell.timings.size();
  const std::string csv = samples_csv(results);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(csv, '\n')), timings + 1);
}

TEST(SamplesCsvTest, QuotesWhatWouldBreakALine) {
  BenchResults results;
  CellResult cell;
  cell.configuration.backend = "my \"own\", model";
  cell.timings.push_back({.tokens = 10, .seconds = 1});
  results.cells.push_back(cell);
  EXPECT_THAT(samples_csv(results), testing::HasSubstr("\n\"my \"\"own\"\", model\",fp32,"));
}

}  // namespace
}  // namespace paceline
