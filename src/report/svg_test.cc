#include "report/svg.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "report/charts.h"
#include "report/svg_canvas.h"
#include "report/svg_spots.h"
#include "results/testing/example_results.h"
#include "results/testing/golden.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(SvgTest, GoldenFiles) {
  const BenchResults results = example_results();
  expect_golden("ms_per_text.svg", render_svg(speed_figure(results), {}));
  expect_golden("lengths.svg", render_svg(length_figure(results), {}));
}

TEST(SvgTest, EveryMarkHasATooltip) {
  const std::string svg = render_svg(speed_figure(example_results()), {});
  EXPECT_EQ(count(svg, "<polyline"), 6u);
  EXPECT_EQ(count(svg, "class=\"mark\"><title>"), 42u);
}

TEST(SvgTest, AFileStandsAloneAndAPageFollowsItsTheme) {
  const Figure figure = speed_figure(example_results());
  const std::string file = render_svg(figure, {}), page = render_svg(figure, {.page = true});
  EXPECT_THAT(file, testing::StartsWith("<?xml"));
  EXPECT_THAT(file, Not(HasSubstr("var(")));
  EXPECT_THAT(page, testing::StartsWith("<svg"));
  EXPECT_THAT(page, HasSubstr("var(--series-1)"));
  EXPECT_THAT(page, Not(HasSubstr("\"#")));
}

TEST(SvgTest, ALabelWithoutRoomOnEitherSideOfItsLineStaysInsideThePlot) {
  BenchResults results = example_results();
  results.workload.mean_tokens = 5;
  results.workload.p95_tokens = 9;
  const std::string svg = render_svg(length_figure(results), {});
  const std::size_t label = svg.find(">mean 5.00<");
  ASSERT_NE(label, std::string::npos);
  const std::string element = svg.substr(svg.rfind("<text", label), label - svg.rfind("<text", label));
  EXPECT_THAT(element, Not(HasSubstr("text-anchor=\"end\""))) << "to the left it would cover the axis";
}

TEST(SvgTest, NarrowPanelsStandBelowOneAnotherWithoutLineLabels) {
  const BenchResults results = example_results();
  EXPECT_THAT(render_svg(speed_figure(results), {.width = 336}), Not(HasSubstr(">native, sorted<")));
  EXPECT_THAT(render_svg(speed_figure(results), {.width = 760}), HasSubstr(">native, sorted<"));
}

TEST(SvgTest, TextFromOutsideIsEscaped) {
  BenchResults results = example_results();
  for (CellResult& cell : results.cells) cell.configuration.backend = "<script>";
  const std::string svg = render_svg(speed_figure(results), {.page = true});
  EXPECT_THAT(svg, Not(HasSubstr("<script>")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
}

TEST(SpreadTest, MovesNeighboursApartAsLittleAsNeeded) {
  EXPECT_THAT(spread({10, 100}, 20, 0, 200), ElementsAre(10, 100));
  EXPECT_THAT(spread({50, 50}, 20, 0, 200), ElementsAre(40, 60));
  EXPECT_THAT(spread({50, 50, 50}, 20, 0, 200), ElementsAre(30, 50, 70));
}

TEST(SpreadTest, StaysWithinItsBoundsWhereThatIsPossible) {
  EXPECT_THAT(spread({0, 0}, 20, 0, 200), ElementsAre(0, 20));
  EXPECT_THAT(spread({200, 200}, 20, 0, 200), ElementsAre(180, 200));
  EXPECT_THAT(spread({}, 20, 0, 200), ElementsAre());
}

TEST(SvgTest, LongNamesOfRowsAreNotCutAndTheirTicksAreEven) {
  const Figure figure = resource_figure(article_results());
  const std::string svg = render_svg(figure, {.width = 760});
  for (const Panel& panel : figure.panels) {
    for (const FigureRow& row : panel.rows) EXPECT_THAT(svg, HasSubstr(">" + row.label + "</text>"));
  }
  Panel panel = figure.panels.front();
  panel.x_ticks = {{0, "0"}, {1, "1,000"}, {2, "2,000"}, {3, "3,000"}, {4, "4,000,000,000,000,000"}};
  panel.x = {.low = 0, .high = 4};
  Figure other = figure;
  other.panels = {panel, panel};
  const std::string alone = render_svg(other, {.width = 760});
  EXPECT_THAT(alone, Not(HasSubstr(">1,000</text>")));
  EXPECT_THAT(alone, HasSubstr(">2,000</text>"));
  EXPECT_THAT(alone, Not(HasSubstr(">3,000</text>")));
}

bool cover(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/// Fourteen points in a cluster, as backends of like speed that lose nothing are.
TEST(SvgTest, NumbersOfPointsCoverNeitherEachOtherNorThePoints) {
  constexpr std::size_t kPoints = 14;
  std::vector<Box> points;
  for (std::size_t i = 0; i < kPoints; ++i) {
    const double x = 300 + 9.0 * static_cast<double>(i % 7), y = 100 + (i < 7 ? 0.0 : 6.0);
    points.push_back({x - 6, y - 6, x + 6, y + 6});
  }
  const Box plot{40, 20, 480, 300};
  const std::vector<Box> numbers = place_numbers(kPoints, points, plot);
  ASSERT_EQ(numbers.size(), kPoints);
  for (std::size_t i = 0; i < kPoints; ++i) {
    EXPECT_GE(numbers[i].left, plot.left);
    EXPECT_LE(numbers[i].bottom, plot.bottom);
    for (std::size_t j = 0; j < kPoints; ++j) {
      EXPECT_FALSE(cover(numbers[i], points[j])) << i + 1 << " on " << j + 1;
      EXPECT_FALSE(j < i && cover(numbers[i], numbers[j])) << i + 1 << " and " << j + 1;
    }
  }
}

TEST(SvgTest, EveryPointIsInTheListWhereverItStands) {
  BenchResults results = labelled_results();
  results.backends[1].accuracy->difference = {-0.005, -0.007, -0.003};
  const Figure figure = accuracy_figure(results);
  for (const int width : {336, 760}) {
    const std::string svg = render_svg(figure, {.width = width});
    for (const Spot& spot : figure.panels.at(0).spots) EXPECT_EQ(count(svg, ">" + spot.label + "</text>"), 1u);
    for (int number = 1; number <= 9; ++number) EXPECT_EQ(count(svg, fmt::format(">{}</text>", number)), 2u) << number;
    EXPECT_THAT(svg, HasSubstr(">frontier</text>"));
  }
}

TEST(SvgTest, AComputeTypeFillsItsBarInItsOwnWay) {
  std::set<std::string> drawn;
  for (const Tone tone : {Tone::kSolid, Tone::kHollow, Tone::kStriped, Tone::kBarred, Tone::kPale}) {
    Canvas canvas(false);
    canvas.bar({0, 0, 100, 14}, {.color = 0, .tone = tone});
    canvas.marker(0, 0, 0, {.color = 0, .tone = tone});
    drawn.insert(canvas.take());
  }
  EXPECT_EQ(drawn.size(), 5u);
}

TEST(SvgTest, EveryBackendAndComputeTypeHasAColourOfItsOwn) {
  std::set<std::string> colors;
  for (int i = 0; i < kSvgColors; ++i) colors.insert(Canvas(false).color(i));
  EXPECT_EQ(colors.size(), static_cast<std::size_t>(kSvgColors));
  EXPECT_GE(kSvgColors, 12) << "native has three compute types, the others six in all, and there are own files";
}

}  // namespace
}  // namespace paceline
