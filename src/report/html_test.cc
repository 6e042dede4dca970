#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "report/charts.h"
#include "report/html_parts.h"
#include "results/report_reader.h"
#include "results/testing/example_results.h"
#include "results/testing/golden.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page(const BenchResults& results) { return report_html(results, {.plan_path = "out/plan.json"}); }

BenchResults stored_results() {
  return read_report(std::filesystem::path(PACELINE_TESTDATA) / "report" / "results.json");
}

/// The page without its style, its script and its charts, which change often and have tests of their own.
std::string words_of(const std::string& html) {
  std::string out = html;
  for (const auto& [open, close] :
       {std::pair("<style>", "</style>"), std::pair("<script>", "</script>"), std::pair("<figure", "</figure>")}) {
    for (std::size_t from = out.find(open); from != std::string::npos; from = out.find(open)) {
      out.erase(from, out.find(close, from) - from + std::string_view(close).size());
    }
  }
  return out;
}

TEST(HtmlTest, Golden) { expect_golden("report.html", words_of(page(stored_results()))); }

TEST(HtmlTest, SaysTheRecommendationWithItsInterval) {
  const std::string html = page(example_results());
  EXPECT_THAT(html, HasSubstr(">native fp32, batch size 64, sorted by length</h2>"));
  EXPECT_THAT(html, HasSubstr("<b>24.1</b> ms per text<small>95 % interval 23.9 to 24.2</small>"));
  EXPECT_THAT(html, HasSubstr("Use native fp32 with batches of 64 texts, sorted by length."));
  EXPECT_THAT(html, HasSubstr("A million texts take 6 h 41 min and cost 1.21 at 0.180 an hour."));
  EXPECT_THAT(html, HasSubstr("<td class=\"wrap\">takes 1.38 times as long (1.37 to 1.39)</td>"));
  EXPECT_THAT(html, HasSubstr("paceline classify out/plan.json --input YOUR_TEXTS --output YOUR_LABELS"));
}

TEST(HtmlTest, SaysThatWeightsAreRandomOnlyWhereTheyAre) {
  BenchResults results = example_results();
  EXPECT_THAT(page(results), HasSubstr("weights of this checkpoint are random"));
  results.checkpoint.random_weights = false;
  EXPECT_THAT(page(results), Not(HasSubstr("weights of this checkpoint are random")));
}

TEST(HtmlTest, AModelOfTheHubHasItsId) {
  BenchResults results = example_results();
  results.checkpoint.model_dir = "/c/hub/models--org--tiny/snapshots/0123abcd";
  results.checkpoint.options = {.file = "/w/last.ckpt", .prefix = "module."};
  EXPECT_THAT(page(results), HasSubstr("org/tiny, 1,000 texts"));
  EXPECT_THAT(page(results), HasSubstr("/w/last.ckpt"));
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(HtmlTest, LoadsNothingAndRunsNothingButItsOwnScript) {
  const std::string html = page(article_results());
  EXPECT_FALSE(std::regex_search(html, std::regex("<(img|iframe|object)")));
  EXPECT_FALSE(std::regex_search(html, std::regex("src=|url\\(|@import|href=\"(?!#|data:,)")));
  EXPECT_EQ(count(html, "<script"), 1u);
  EXPECT_TRUE(std::regex_search(html, std::regex("default-src 'none'.*script-src 'sha256-[A-Za-z0-9+/]{43}='")));
}

TEST(HtmlTest, AFullRunIsAPageOfLessThan2Megabytes) {
  const std::string html = page(article_results());
  EXPECT_LT(html.size(), 2'000'000u);
  for (const NamedFigure& named : all_figures(article_results())) {
    EXPECT_EQ(count(html, "data-chart=\"" + named.name + "\""), 2u);
  }
}

TEST(HtmlTest, ANumberIsNotBrokenAtItsHyphen) {
  EXPECT_THAT(html_paragraph("at most 1.4e-06 off, e-mail, 1e-"), HasSubstr("1.4e\xE2\x81\xA0-\xE2\x81\xA0"
                                                                            "06 off, e-mail, 1e-<"));
}

TEST(HtmlTest, AFlagIsCodeThatIsNotBroken) {
  EXPECT_EQ(html_paragraph("A larger --budget, fewer (--batch-sizes 1), a--b, -- and --."),
            "<p>A larger <code>--budget</code>, fewer (<code>--batch-sizes</code> 1), a--b, -- and --.</p>\n");
  EXPECT_EQ(html_list({"--texts <N>"}), "<ul>\n<li><code>--texts</code> &lt;N&gt;</li>\n</ul>\n");
}

TEST(HtmlTest, LatencyIsToldForEachOrder) {
  BenchResults results = example_results();
  for (CellResult& cell : results.cells) cell.p50_ms = cell.configuration.batch_size == 1 ? 1 : 0;
  EXPECT_THAT(page(results), HasSubstr("<td>native</td><td>as given</td><td class=\"n\" data-v=\"1\">"));
  EXPECT_THAT(page(results), HasSubstr("<td>native</td><td>sorted</td><td class=\"n\" data-v=\"1\">"));
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
  results.recommendation.rejections = {{evil, evil}};
  EXPECT_EQ(count(report_html(results, {.plan_path = evil}), "<script"), 1u);
}

TEST(HtmlTest, ShowsWhatTurnsTheDirectionOfWriting) {
  BenchResults results = example_results();
  results.workload.source = results.checkpoint.model_dir = results.command = "a\xE2\x80\xAE.txt";
  const std::string html = page(results);
  EXPECT_THAT(html, HasSubstr("a\\u202e.txt"));
  EXPECT_THAT(html, Not(HasSubstr("\xE2\x80\xAE")));
}

TEST(HtmlTest, ShowsRejectedAndFailedInRed) {
  BenchResults results = example_results();
  results.backends[1].gate.accepted = false;
  results.backends[1].gate.verdict = "12 of 256 texts got another label.";
  results.backends.push_back(example::failed_backend("torch-eager", "killed by signal 9"));
  const std::string html = page(results);
  EXPECT_THAT(html, HasSubstr("<tr class=\"bad\"><td>onnxruntime</td>"));
  EXPECT_THAT(html, HasSubstr("rejected, "));
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
  EXPECT_THAT(html, HasSubstr(">No recommendation</h2>"));
  EXPECT_THAT(html, Not(HasSubstr("paceline classify")));
  EXPECT_THAT(html, HasSubstr("No plan.json was written"));
}

TEST(HtmlTest, SaysWhereTheRecommendationIsNotDecided) {
  BenchResults results = example_results();
  EXPECT_THAT(page(results), Not(HasSubstr("ot decided")));
  results.recommendation.outcome = Lead::kUnresolved;
  const std::string html = page(results);
  EXPECT_THAT(html, HasSubstr(">Recommended, not decided</p>"));
  EXPECT_THAT(html, HasSubstr("this run cannot tell it apart from onnxruntime fp32"));
  EXPECT_THAT(html, HasSubstr("recommended, not decided, "));
}

TEST(HtmlTest, NothingMeasuredIsStillAPage) {
  const std::string html = words_of(report_html(BenchResults{}, {}));
  EXPECT_THAT(html, HasSubstr(">Nothing was measured</h2>"));
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

TEST(HtmlTest, LabelsGiveAChartATableAndATile) {
  const std::string page = report_html(labelled_results(), {});
  EXPECT_THAT(page, HasSubstr("Accuracy over speed"));
  EXPECT_THAT(page, HasSubstr("answered the same 2,000 labelled texts of test.csv"));
  EXPECT_THAT(page, HasSubstr("-2.00 points (95 % interval -2.20 to -1.80)"));
  EXPECT_THAT(report_html(article_results(), {}), testing::Not(HasSubstr("Accuracy over speed")));
}

}  // namespace
}  // namespace paceline
