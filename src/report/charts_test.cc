#include "report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/example_results.h"

namespace paceline {
namespace {

using testing::HasSubstr;

TEST(SpeedFigureTest, ALineForEachBackendAndOrderAPointForEachBatch) {
  const Figure figure = speed_figure(example_results());
  ASSERT_EQ(figure.panels.size(), 1u);
  const Panel& panel = figure.panels[0];
  ASSERT_EQ(panel.lines.size(), 6u);
  for (const Line& line : panel.lines) {
    ASSERT_EQ(line.points.size(), 7u);
    for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(line.points[i].x, 1 << i);
    EXPECT_EQ(line.dashed, line.label.ends_with(", as given")) << line.label;
  }
  EXPECT_EQ(panel.lines[0].label, "native, as given");
  EXPECT_EQ(panel.lines[1].label, "native, sorted");
  EXPECT_EQ(panel.lines[0].color, panel.lines[1].color);
  EXPECT_NE(panel.lines[1].color, panel.lines[2].color);
  EXPECT_EQ(panel.x_ticks.size(), 7u);
  EXPECT_THAT(panel.lines[1].points[6].tooltip, HasSubstr("24.1 ms per text (23.9 to 24.2)"));
}

TEST(SpeedFigureTest, EveryPointAndIntervalIsInsideTheAxes) {
  const Figure figure = speed_figure(example_results());
  const Panel& panel = figure.panels[0];
  for (const Line& line : panel.lines) {
    for (const Point& point : line.points) {
      for (const double y : {point.low, point.y, point.high}) {
        EXPECT_GE(panel.y.scale.at(y), 0);
        EXPECT_LE(panel.y.scale.at(y), 1);
      }
      EXPECT_GT(panel.x.at(point.x), 0);
      EXPECT_LT(panel.x.at(point.x), 1);
    }
  }
}

TEST(SpeedFigureTest, LeavesOutCellsWithoutFiguresOrBatchSize) {
  BenchResults results = example_results();
  results.cells[0].error = "killed by signal 9";
  results.cells[2].ms_per_text.median = NAN;
  results.cells[4].configuration.batch_size = 0;
  results.cells[4].configuration.max_batch_tokens = 4096;
  std::size_t points = 0;
  for (const Line& line : speed_figure(results).panels[0].lines) points += line.points.size();
  EXPECT_EQ(points, results.cells.size() - 3);
}

TEST(SpeedFigureTest, OneBatchSizeStillHasAnAxis) {
  BenchResults results = example_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.batch_size != 8; });
  const Panel panel = speed_figure(results).panels.at(0);
  EXPECT_NEAR(panel.x.at(8), 0.5, 1e-12);
}

TEST(SpeedFigureTest, NamesTheComputeTypeWhereThereAreTwo) {
  BenchResults results = example_results();
  for (std::size_t i = 0; i < 14; ++i) {
    results.cells.push_back(results.cells[i]);
    results.cells.back().configuration.compute_type = "bf16";
  }
  const Panel panel = speed_figure(results).panels.at(0);
  EXPECT_EQ(panel.lines.size(), 8u);
  EXPECT_EQ(panel.lines.front().label, "native fp32, as given");
  EXPECT_EQ(panel.lines.back().label, "native bf16, sorted");
}

TEST(LengthFigureTest, HistogramAndPaddingOfBothOrders) {
  const BenchResults results = example_results();
  const Figure figure = length_figure(results);
  ASSERT_EQ(figure.panels.size(), 2u);
  EXPECT_EQ(figure.panels[0].bars[0].bars.size(), results.workload.token_histogram.size());
  ASSERT_EQ(figure.panels[1].bars.size(), 2u);
  EXPECT_EQ(figure.panels[1].bars[0].bars.size(), 7u);
  EXPECT_NEAR(figure.panels[1].bars[0].bars[6].y, 100 * example::padding(64, Order::kInput), 1e-9);
  EXPECT_NEAR(figure.panels[1].bars[1].bars[6].y, 100 * example::padding(64, Order::kLength), 1e-9);
}

TEST(AllFiguresTest, NothingMeasuredGivesNoFigure) { EXPECT_TRUE(all_figures(BenchResults{}).empty()); }

TEST(AllFiguresTest, AWorkloadWithoutCellsStillShowsItsLengths) {
  BenchResults results = example_results();
  results.cells.clear();
  const std::vector<NamedFigure> figures = all_figures(results);
  ASSERT_EQ(figures.size(), 1u);
  EXPECT_EQ(figures[0].name, "lengths");
  EXPECT_EQ(figures[0].figure.panels.size(), 1u);
}

}  // namespace
}  // namespace paceline
