#include "results/report_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "base/json.h"
#include "paceline/error.h"
#include "results/report_json.h"
#include "results/testing/example_results.h"

namespace paceline {
namespace {

using testing::HasSubstr;

std::string again(const std::string& text) { return report_json(report_from_json(text, "report.json")); }

Json example_json() { return Json::parse(report_json(example_results())); }

void expect_refused(const Json& json, ErrorCode code, const std::vector<std::string>& mentions) {
  try {
    report_from_json(json.dump(), "report.json");
    FAIL() << "read without complaint, although: " << testing::PrintToString(mentions);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), testing::StartsWith("[report.json"));
    for (const std::string& mention : mentions) EXPECT_THAT(error.what(), HasSubstr(mention));
  }
}

TEST(ReportReaderTest, WhatWasWrittenComesBack) {
  for (const BenchResults& results : {example_results(), article_results(), labelled_results(), BenchResults{}}) {
    const std::string text = report_json(results);
    EXPECT_EQ(again(text), text);
  }
}

TEST(ReportReaderTest, EveryFieldOfTheResultsComesBack) {
  const BenchResults wrote = article_results();
  const BenchResults read = report_from_json(report_json(wrote), "report.json");
  ASSERT_EQ(read.cells.size(), wrote.cells.size());
  for (std::size_t i = 0; i < wrote.cells.size(); ++i) {
    EXPECT_EQ(read.cells[i].configuration, wrote.cells[i].configuration);
    EXPECT_EQ(read.cells[i].ms_per_text.median, wrote.cells[i].ms_per_text.median);
    EXPECT_EQ(read.cells[i].p99_ms, wrote.cells[i].p99_ms);
    ASSERT_EQ(read.cells[i].timings.size(), wrote.cells[i].timings.size());
    EXPECT_EQ(read.cells[i].timings.back().seconds, wrote.cells[i].timings.back().seconds);
    EXPECT_EQ(read.cells[i].timings.back().confirmation, wrote.cells[i].timings.back().confirmation);
  }
  ASSERT_EQ(read.length_sweep.size(), wrote.length_sweep.size());
  EXPECT_EQ(read.length_sweep.back().configuration, wrote.length_sweep.back().configuration);
  EXPECT_EQ(read.length_sweep.back().tokens, 512);
  EXPECT_EQ(read.recommendation.choice, wrote.recommendation.choice);
  EXPECT_EQ(read.recommendation.runner_up, wrote.recommendation.runner_up);
  EXPECT_EQ(read.recommendation.cost_per_million, wrote.recommendation.cost_per_million);
  EXPECT_EQ(read.recommendation.rejections.size(), wrote.recommendation.rejections.size());
  EXPECT_EQ(read.constraints.max_memory_bytes, wrote.constraints.max_memory_bytes);
  EXPECT_EQ(read.end_to_end.texts, wrote.end_to_end.texts);
  ASSERT_EQ(read.backends.size(), wrote.backends.size());
  EXPECT_EQ(read.backends.back().error, wrote.backends.back().error);
  EXPECT_EQ(read.backends[8].file, wrote.backends[8].file);
  EXPECT_EQ(read.baseline, wrote.baseline);
}

TEST(ReportReaderTest, AccuracyComesBack) {
  const BenchResults wrote = labelled_results();
  const BenchResults read = report_from_json(report_json(wrote), "report.json");
  ASSERT_TRUE(read.labelled.has_value());
  EXPECT_EQ(read.labelled->texts, 2000);
  EXPECT_EQ(read.labelled->oracle, "torch-eager fp32");
  EXPECT_EQ(read.constraints.max_accuracy_loss, 0.005);
  ASSERT_EQ(read.backends.size(), wrote.backends.size());
  for (std::size_t i = 0; i < wrote.backends.size(); ++i) {
    const auto& was = wrote.backends[i].accuracy;
    const auto& is = read.backends[i].accuracy;
    ASSERT_EQ(is.has_value(), was.has_value());
    if (!was) continue;
    EXPECT_EQ(is->headline, was->headline);
    EXPECT_EQ(is->macro_f1, was->macro_f1);
    EXPECT_EQ(is->difference, was->difference);
    EXPECT_EQ(is->spearman, was->spearman);
    EXPECT_EQ(read.backends[i].gate.basis, wrote.backends[i].gate.basis);
  }
}

TEST(ReportReaderTest, AccuracyOutOfBoundsIsRefused) {
  const Json report = Json::parse(report_json(labelled_results()));
  const auto refused = [&](const char* pointer, const Json& value, const char* mention) {
    Json changed = report;
    changed[Json::json_pointer(pointer)] = value;
    expect_refused(changed, ErrorCode::kCorruptData, {mention});
  };
  refused("/backends/1/accuracy/value", 7, "value");
  refused("/backends/1/accuracy/low", 0.95, "the interval does not hold the value");
  refused("/backends/1/accuracy/difference/high", nullptr, "high");
  refused("/backends/1/accuracy/macro_f1", 0.5, "macro_f1");
  refused("/labelled/metric", "bleu", "bleu");
  refused("/labelled/texts", -1, "texts");
  refused("/backends/2/gate/judged_by", "luck", "luck");
}

TEST(ReportReaderTest, OddResultsComeBack) {
  BenchResults results = example_results();
  results.workload.seed = std::numeric_limits<uint64_t>::max();
  results.workload.source = "texts\xFF.txt";
  results.cells[0].error = "killed by signal 9";
  results.cells[1].ms_per_text = {};
  results.cells[2].speedup = {.median = NAN, .low = NAN, .high = NAN};
  results.cells[3].roof_share = INFINITY;
  results.cells[4].configuration.batch_size = 0;
  results.cells[4].configuration.max_batch_tokens = 4096;
  results.cells[5].configuration.instances = 2;
  results.backends[0].gate = {};
  results.recommendation = {};
  results.recommendation.reason = "Nothing respects the constraints.";
  results.recommendation.objective = "latency";
  results.constraints.objective = Objective::kLatency;
  results.interrupted = true;
  const std::string text = report_json(results);
  EXPECT_EQ(again(text), text);
}

TEST(ReportReaderTest, AnEarlierSchemaIsRead) {
  Json json = example_json();
  json["schema_version"] = 1;
  for (const char* later : {"end_to_end", "protocol", "continued", "predicted_seconds", "dry_run"}) json.erase(later);
  for (const char* later : {"rejections", "constraints", "cost_per_million"}) json["recommendation"].erase(later);
  for (Json& row : json["configurations"]) {
    for (const char* later : {"instances", "latency_ms", "timings", "predicted_ms_per_text"}) row.erase(later);
  }
  json["length_sweep"] = Json::array();
  const BenchResults read = report_from_json(json.dump(), "report.json");
  EXPECT_EQ(read.cells.size(), 42u);
  EXPECT_EQ(read.cells[0].configuration.instances, 1);
  EXPECT_TRUE(read.cells[0].timings.empty());
  EXPECT_EQ(read.end_to_end.ms_per_text, 24.3);
  EXPECT_EQ(read.protocol, "budget");
}

TEST(ReportReaderTest, ANewerSchemaIsRefused) {
  Json json = example_json();
  json["schema_version"] = BenchResults::kSchemaVersion + 1;
  json["configurations"] = "something else";
  expect_refused(json, ErrorCode::kUnsupported, {"schema_version 3", "reads up to 2", "Update paceline"});
}

TEST(ReportReaderTest, WhatIsNoReportIsRefused) {
  expect_refused(Json::array(), ErrorCode::kCorruptData, {"JSON object"});
  expect_refused(Json::object(), ErrorCode::kCorruptData, {"schema_version", "report.json of paceline"});
  expect_refused({{"schema_version", 1}}, ErrorCode::kCorruptData, {"configurations"});
  expect_refused({{"schema_version", "2"}}, ErrorCode::kCorruptData, {"schema_version"});
  EXPECT_THROW(report_from_json("{", "report.json"), Error);
}

/// Written for whoever reads a part of the file; the results have them elsewhere, so reading passes over them.
bool is_repeated(const std::string& path) {
  static const std::set<std::string> kRepeated = {"/machine/threads",
                                                  "/recommendation/equal",
                                                  "/end_to_end_ms_per_text",
                                                  "backend_version",
                                                  "agreement",
                                                  "max_abs_logit_diff",
                                                  "accepted",
                                                  "peak_memory_bytes",
                                                  "load_ms"};
  const std::string key = path.substr(path.rfind('/') + 1);
  return kRepeated.contains(path) || (path.starts_with("/configurations/") && kRepeated.contains(key));
}

/// Each value of the file in turn becomes an object that nobody expects: none of them is read unseen.
TEST(ReportReaderTest, EveryFieldIsChecked) {
  BenchResults results = example_results();
  results.cells.erase(results.cells.begin() + 1, results.cells.end());
  results.length_sweep.erase(results.length_sweep.begin() + 1, results.length_sweep.end());
  results.backends.erase(results.backends.begin() + 1, results.backends.end());
  const Json json = Json::parse(report_json(results));
  const Json flat = json.flatten();
  int checked = 0;
  for (const auto& [path, value] : flat.items()) {
    if (is_repeated(path) || value.is_null()) continue;
    Json damaged = json;
    damaged[Json::json_pointer(path)] = {{"nobody", "expects this"}};
    EXPECT_THROW(report_from_json(damaged.dump(), "report.json"), Error) << path;
    ++checked;
  }
  EXPECT_GT(checked, 150);
}

TEST(ReportReaderTest, NamesThePlaceAndWhatIsWrong) {
  const auto damaged = [](const char* path, const Json& value) {
    Json json = example_json();
    json[Json::json_pointer(path)] = value;
    return json;
  };
  constexpr auto kCorrupt = ErrorCode::kCorruptData;
  expect_refused(damaged("/configurations/3/threads", -1), kCorrupt, {"configurations[3]", "threads", "-1"});
  expect_refused(damaged("/configurations/3/order", "random"), kCorrupt, {"order", "random", "input, length"});
  expect_refused(damaged("/configurations/3/batch_size", 0), kCorrupt, {"batch_size", "max_batch_tokens"});
  expect_refused(damaged("/configurations/3/backend", ""), kCorrupt, {"backend", "empty"});
  expect_refused(damaged("/configurations/0/ms_per_text/low", 1e9), kCorrupt, {"ms_per_text", "reversed"});
  expect_refused(damaged("/configurations/0/ms_per_text/median", -1), kCorrupt, {"ms_per_text", "median"});
  expect_refused(damaged("/configurations/0/ms_per_text/median", nullptr), kCorrupt, {"ms_per_text", "median is 0"});
  expect_refused(damaged("/configurations/0/ms_per_text", nullptr), kCorrupt, {"ms_per_text", "error"});
  expect_refused(damaged("/configurations/0/ms_per_text/median", 1e9), kCorrupt, {"ms_per_text", "hold the median"});
  expect_refused(damaged("/configurations/0/ms_per_text/low", 0), kCorrupt, {"ms_per_text", "low is 0"});
  expect_refused(damaged("/configurations/0/ms_per_text/low", nullptr), kCorrupt, {"ms_per_text", "low is 0"});
  expect_refused(damaged("/configurations/0/confirmed", nullptr), kCorrupt, {"configurations[0]", "confirmed"});
  expect_refused(damaged("/workload/texts", 0), kCorrupt, {"workload: texts", "missing or 0"});
  expect_refused(damaged("/workload/mean_tokens", nullptr), kCorrupt, {"workload: mean_tokens", "missing or 0"});
  expect_refused(damaged("/checkpoint/parameters", 0), kCorrupt, {"checkpoint: parameters"});
  expect_refused(damaged("/dry_run", true), kCorrupt, {"dry_run", "were measured"});
  expect_refused(damaged("/configurations/0/timings/seconds", {1}), kCorrupt, {"timings", "alike"});
  expect_refused(damaged("/configurations/1/order", "input"), kCorrupt, {"configurations[1]", "twice"});
  expect_refused(damaged("/recommendation/configuration", nullptr), kCorrupt, {"recommendation", "configuration"});
  expect_refused(damaged("/recommendation/outcome", "maybe"), kCorrupt, {"outcome", "faster, equal, unresolved"});
  expect_refused(damaged("/workload/seed", -1), kCorrupt, {"workload", "seed"});
  expect_refused(damaged("/workload/token_histogram/counts", {1, -1}), kCorrupt, {"counts", "-1"});
  expect_refused(damaged("/workload/token_histogram/width", 0), kCorrupt, {"width"});
  expect_refused(damaged("/length_sweep/0/tokens", 0), kCorrupt, {"length_sweep[0]", "tokens"});
  expect_refused(damaged("/notes", "a note"), kCorrupt, {"notes", "list"});
}

TEST(ReportReaderTest, WhatEveryReportHasIsMissed) {
  for (const char* key : {"configurations", "recommendation", "checkpoint", "workload", "machine", "backends"}) {
    Json json = example_json();
    json.erase(key);
    expect_refused(json, ErrorCode::kCorruptData, {fmt::format("\"{}\" is missing", key)});
  }
  for (const char* key : {"confirmed", "rounds"}) {
    Json json = example_json();
    json["configurations"][0].erase(key);
    expect_refused(json, ErrorCode::kCorruptData, {"configurations[0]", key});
  }
  Json json = example_json();
  json["configurations"][0]["ms_per_text"] = {{"median", 3}};
  expect_refused(json, ErrorCode::kCorruptData, {"configurations[0]", "ms_per_text", "interval"});
}

TEST(ReportReaderTest, TooManyConfigurationsAreRefused) {
  Json json = example_json();
  json["configurations"] = Json::array();
  for (int i = 0; i < 20'001; ++i) json["configurations"].push_back(Json::object());
  expect_refused(json, ErrorCode::kCorruptData, {"20001 entries", "20000"});
}

TEST(ReportReaderTest, AMissingFileIsNamed) {
  try {
    read_report("/nowhere/report.json");
    FAIL() << "a file that is not there was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace paceline
