#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "report/example_results.h"
#include "report/golden.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page(const BenchResults& results) { return report_html(results, {.plan_path = "out/plan.json"}); }

/// The page without its style and its charts, which change often and have tests of their own.
std::string words_of(const std::string& html) {
  std::string out = html;
  for (const auto& [open, close] : {std::pair("<style>", "</style>"), std::pair("<figure", "</figure>")}) {
    for (std::size_t from = out.find(open); from != std::string::npos; from = out.find(open)) {
      out.erase(from, out.find(close, from) - from + std::string_view(close).size());
    }
  }
  return out;
}

TEST(HtmlTest, Golden) {
  BenchResults results = example_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.batch_size != 64; });
  results.baseline.reset();
  expect_golden("report.html", words_of(page(results)));
}

TEST(HtmlTest, SaysTheRecommendationWithItsInterval) {
  const std::string html = page(example_results());
  EXPECT_THAT(html, HasSubstr("<h2>native fp32, batch 64, sorted by length</h2>"));
  EXPECT_THAT(html, HasSubstr("24.1 ms per text (95 % interval 23.9 to 24.2), 41.5 texts per second"));
  EXPECT_THAT(html, HasSubstr("paceline classify out/plan.json"));
}

TEST(HtmlTest, SaysThatWeightsAreRandomOnlyWhereTheyAre) {
  BenchResults results = example_results();
  EXPECT_THAT(page(results), HasSubstr("weights of this checkpoint are random"));
  results.checkpoint.random_weights = false;
  EXPECT_THAT(page(results), Not(HasSubstr("weights of this checkpoint are random")));
}

TEST(HtmlTest, LoadsNothingAndRunsNothing) {
  const std::string html = page(example_results());
  EXPECT_FALSE(std::regex_search(html, std::regex("<(script|link|img|iframe|object)")));
  EXPECT_FALSE(std::regex_search(html, std::regex("(src|href)=|url\\(|@import")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST(HtmlTest, EscapesEveryTextFromOutside) {
  const std::string evil = "<script>alert(\"x\")</script>";
  BenchResults results = example_results();
  results.command = results.paceline_version = results.build_id = results.started_at = evil;
  results.checkpoint.model_dir = results.checkpoint.hash = results.checkpoint.architecture = evil;
  results.workload.source = results.machine.cpu = results.machine.kernel = results.machine.virtualization = evil;
  results.machine.active_isa = results.recommendation.reason = evil;
  results.notes = {evil};
  for (BackendResult& backend : results.backends) {
    backend.version = backend.settings = backend.gate.verdict = backend.gate.oracle = evil;
  }
  results.backends.push_back(example::failed_backend(evil, evil));
  results.cells[0].error = evil;
  for (CellResult& cell : results.cells) cell.configuration.backend = evil;
  EXPECT_THAT(report_html(results, {.plan_path = evil}), Not(HasSubstr("<script")));
}

TEST(HtmlTest, ShowsRejectedAndFailedInRed) {
  BenchResults results = example_results();
  results.backends[1].gate.accepted = false;
  results.backends[1].gate.verdict = "12 of 256 texts got another label.";
  results.backends.push_back(example::failed_backend("torch-eager", "killed by signal 9"));
  const std::string html = page(results);
  EXPECT_THAT(html, HasSubstr("<tr class=\"bad\"><td>onnxruntime</td>"));
  EXPECT_THAT(html, HasSubstr("rejected: other answers"));
  EXPECT_THAT(html, HasSubstr("12 of 256 texts got another label."));
  EXPECT_THAT(html, HasSubstr("<td colspan=\"7\">killed by signal 9</td>"));
}

TEST(HtmlTest, AnInterruptedRunSaysSo) {
  BenchResults results = example_results();
  results.interrupted = true;
  results.cells[0].partial = true;
  const std::string html = page(results);
  EXPECT_THAT(html, HasSubstr("This run was interrupted"));
  EXPECT_THAT(html, HasSubstr("exploratory, partial"));
}

TEST(HtmlTest, WithoutARecommendationThereIsNoPlan) {
  BenchResults results = example_results();
  results.recommendation = {};
  const std::string html = report_html(results, {});
  EXPECT_THAT(html, HasSubstr("<h2>No recommendation</h2>"));
  EXPECT_THAT(html, Not(HasSubstr("paceline classify")));
  EXPECT_THAT(html, HasSubstr("No plan.json was written"));
}

TEST(HtmlTest, NothingMeasuredIsStillAPage) {
  const std::string html = report_html(BenchResults{}, {});
  EXPECT_THAT(html, HasSubstr("<h2>Nothing was measured</h2>"));
  EXPECT_THAT(html, Not(HasSubstr("<table")));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

/// Counts opening and closing tags: a page cut off or wrongly nested in one place shows.
TEST(HtmlTest, TagsAreBalanced) {
  const std::string html = page(example_results());
  for (const std::string tag :
       {"section", "table", "tr", "td", "th", "p", "div", "figure", "svg", "dl", "main", "details"}) {
    const std::regex open("<" + tag + "[ >]"), close("</" + tag + ">");
    const auto number = [&](const std::regex& regex) {
      return std::distance(std::sregex_iterator(html.begin(), html.end(), regex), std::sregex_iterator());
    };
    EXPECT_GT(number(open), 0) << tag;
    EXPECT_EQ(number(open), number(close)) << tag;
  }
}

}  // namespace
}  // namespace paceline
