#include "report/charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/accuracy_findings.h"
#include "report/findings.h"
#include "results/describe.h"
#include "results/testing/example_results.h"
#include "results/time_ratios.h"

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
  const Figure figure = speed_figure(results);
  for (const Line& line : figure.panels[0].lines) points += line.points.size();
  EXPECT_EQ(points, results.cells.size() - 3);
}

TEST(SpeedFigureTest, OneBatchSizeStillHasAnAxis) {
  BenchResults results = example_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.batch_size != 8; });
  const Panel panel = speed_figure(results).panels.at(0);
  EXPECT_NEAR(panel.x.at(8), 0.5, 1e-12);
}

TEST(SpeedFigureTest, APanelEachOfOneBatchSizeWouldShowNothing) {
  BenchResults results = article_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.batch_size != 8; });
  EXPECT_TRUE(speed_figure(results).panels.empty());
}

TEST(SpeedFigureTest, ManyEnginesGetAPanelEach) {
  const Figure figure = speed_figure(article_results());
  ASSERT_EQ(figure.panels.size(), 9u);
  EXPECT_TRUE(figure.small_multiples);
  for (const Panel& panel : figure.panels) {
    EXPECT_EQ(std::ranges::count(panel.lines, false, &Line::context), 2) << panel.title;
    EXPECT_EQ(std::ranges::count(panel.lines, true, &Line::context), 8) << panel.title;
    EXPECT_EQ(panel.y.scale.high, figure.panels[0].y.scale.high);
  }
  EXPECT_EQ(figure.panels[1].title, "native bf16");
}

TEST(SpeedFigureTest, NamesTellThreadsApartWhereTheyVary) {
  BenchResults results = example_results();
  results.cells[0].configuration.instances = 2;
  results.cells[0].configuration.threads = 1;
  EXPECT_EQ(backend_label(results, results.cells[0].configuration), "native, 2 x 1 thread");
  EXPECT_EQ(backend_label(results, results.cells[1].configuration), "native, 1 x 2 threads");
}

TEST(SweepFigureTest, APanelForEachBatchSizeOnCommonAxes) {
  const Figure figure = sweep_figure(example_results());
  ASSERT_EQ(figure.panels.size(), 3u);
  for (const Panel& panel : figure.panels) {
    ASSERT_EQ(panel.lines.size(), 3u);
    EXPECT_EQ(panel.lines[0].points.size(), 4u);
    EXPECT_TRUE(panel.x.log);
    EXPECT_TRUE(panel.y.scale.log);
    EXPECT_EQ(panel.y.scale.low, figure.panels[0].y.scale.low);
  }
  EXPECT_EQ(figure.legend.size(), 3u);
}

TEST(SweepFigureTest, OfManyEnginesTheFastestAcceptedOfEachBackend) {
  const Figure figure = sweep_figure(article_results());
  std::vector<std::string> labels;
  for (const Line& line : figure.panels.at(0).lines) labels.push_back(line.label);
  EXPECT_THAT(labels, testing::ElementsAre("native bf16", "onnxruntime int8", "onnxruntime-unpadded fp32",
                                           "torchscript fp32", "torch-eager fp32", "my-export.onnx fp32"));
}

TEST(OrderFigureTest, IsTheRatioOfTheTwoOrders) {
  BenchResults results = example_results();
  for (CellResult& cell : results.cells) {
    cell.timings.front().seconds *= 3;  // a disturbance of the whole round
    if (cell.configuration.order == Order::kInput) cell.timings.at(1).seconds *= 1.02;
  }
  const Figure figure = order_figure(results);
  const Panel& panel = figure.panels.at(0);
  ASSERT_EQ(panel.lines.size(), 3u);
  const Point& padded = panel.lines[1].points.at(6);
  EXPECT_NEAR(padded.y,
              example::ms_per_text(example::kOnnx, 64, Order::kInput) /
                  example::ms_per_text(example::kOnnx, 64, Order::kLength),
              1e-9);
  const Configuration sorted = example::configuration(example::kOnnx, 64, Order::kLength);
  const Configuration given = example::configuration(example::kOnnx, 64, Order::kInput);
  const Estimate ratio = TimeRatios(results.cells)(*find_cell(results, given), *find_cell(results, sorted));
  EXPECT_EQ(padded.low, ratio.low) << "the figures of every other comparison of the two";
  EXPECT_LT(padded.low, padded.y);
  EXPECT_GT(padded.low, 0.9 * padded.y);
  EXPECT_NEAR(panel.lines[0].points.at(6).y, 1, 1e-9);
}

TEST(OrderFigureTest, OneTextAloneHasNoOrder) {
  BenchResults results = example_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.batch_size != 1; });
  EXPECT_TRUE(order_figure(results).panels.empty());
}

TEST(SweepFigureTest, OneLengthIsNoChart) {
  BenchResults results = example_results();
  std::erase_if(results.length_sweep, [](const LengthResult& row) { return row.tokens != 8; });
  ASSERT_FALSE(results.length_sweep.empty());
  EXPECT_TRUE(sweep_figure(results).panels.empty());
}

TEST(RowFiguresTest, ARowForEachEngineBestFirst) {
  const BenchResults results = article_results();
  const Panel speedup = speedup_figure(results).panels.at(0);
  ASSERT_EQ(speedup.rows.size(), 9u);
  EXPECT_EQ(speedup.rows[0].label, "native int8 (rejected)");
  EXPECT_EQ(speedup.rows[0].color, kFaintColor);
  EXPECT_EQ(speedup.rows[1].value_label, "5.09x");
  EXPECT_EQ(roof_figure(results).panels.at(0).rows.size(), 9u);
  EXPECT_EQ(resource_figure(results).panels.size(), 2u);
  EXPECT_EQ(resource_figure(results).panels[1].rows.size(), 9u);
}

TEST(RowFiguresTest, LatencyHasFourPercentilesWhereItWasMeasured) {
  BenchResults results = example_results();
  const Panel panel = latency_figure(results).panels.at(0);
  ASSERT_EQ(panel.rows.size(), 3u);
  ASSERT_EQ(panel.rows[0].points.size(), 4u);
  EXPECT_EQ(panel.rows[0].label, "native");
  EXPECT_THAT(panel.rows[0].points[3].tooltip, HasSubstr("p99 102 ms"));
  for (CellResult& cell : results.cells) cell.p50_ms = 0;
  EXPECT_TRUE(latency_figure(results).panels.empty());
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

TEST(LengthFigureTest, BatchesWithoutPaddingHaveNoPanelForIt) {
  BenchResults results = example_results();
  for (CellResult& cell : results.cells) cell.padding_ratio = 0;
  const Figure figure = length_figure(results);
  ASSERT_EQ(figure.panels.size(), 1u);
  EXPECT_THAT(figure.description, testing::Not(HasSubstr("Padding")));
}

/// native, onnxruntime ... have a colour each, their compute types fill it.
TEST(RowFiguresTest, ColoursTellBackendsAndTonesComputeTypes) {
  BenchResults results = article_results();
  results.backends[2].gate.accepted = true;
  const Panel panel = speedup_figure(results).panels.at(0);
  const auto row = [&](std::string_view label) { return *std::ranges::find(panel.rows, label, &FigureRow::label); };
  EXPECT_EQ(row("native fp32").color, row("native bf16").color);
  EXPECT_EQ(row("native fp32").color, row("native int8").color);
  EXPECT_NE(row("native fp32").color, row("onnxruntime fp32").color);
  EXPECT_EQ(row("native int8").tone, row("onnxruntime int8").tone);
  EXPECT_EQ(row("native fp32").tone, Tone::kSolid);
  EXPECT_EQ((std::set{row("native fp32").tone, row("native bf16").tone, row("native int8").tone}.size()), 3u);
  const Figure speed = speed_figure(results);
  EXPECT_EQ(speed.panels[1].lines.front().color, row("native bf16").color);
  // Backends in their order have the first places of the palette: none comes twice.
  std::set<int> colors;
  for (const FigureRow& one : panel.rows) colors.insert(one.color);
  EXPECT_EQ(colors.size(), 6u);
}

TEST(RowFiguresTest, OfOneBackendColoursTellComputeTypes) {
  BenchResults results = article_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.backend != "native"; });
  results.backends[2].gate.accepted = true;
  const Panel panel = speedup_figure(results).panels.at(0);
  ASSERT_EQ(panel.rows.size(), 3u);
  EXPECT_NE(panel.rows[0].color, panel.rows[1].color);
  EXPECT_EQ(panel.rows[0].tone, Tone::kSolid);
}

TEST(AllFiguresTest, NothingMeasuredGivesNoFigure) { EXPECT_TRUE(all_figures(BenchResults{}).empty()); }

TEST(AllFiguresTest, AWorkloadWithoutCellsStillShowsItsLengths) {
  BenchResults results = example_results();
  results.cells.clear();
  const std::vector<NamedFigure> figures = all_figures(results);
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[0].name, "lengths");
  EXPECT_EQ(figures[0].figure.panels.size(), 1u);
  EXPECT_EQ(figures[1].name, "memory_and_load");
}

TEST(AccuracyFigureTest, TheChangeOfEachBackendOverItsSpeedNumberedByIt) {
  const BenchResults results = labelled_results();
  const Figure figure = accuracy_figure(results);
  ASSERT_EQ(figure.panels.size(), 1u);
  const Panel& panel = figure.panels[0];
  ASSERT_EQ(panel.spots.size(), 9u);
  for (const Spot& spot : panel.spots) {
    for (const double y : {spot.point.low, spot.point.y, spot.point.high}) {
      EXPECT_GE(panel.y.scale.at(y), 0) << spot.label;
      EXPECT_LE(panel.y.scale.at(y), 1) << spot.label;
    }
    EXPECT_GE(panel.x.at(spot.point.x), 0);
    EXPECT_LE(panel.x.at(spot.point.x), 1);
  }
  EXPECT_EQ(panel.y_title, "points of accuracy more or less than torch-eager fp32");
  EXPECT_EQ(panel.spots[0].label, "native int8 (rejected)");
  EXPECT_EQ(panel.spots[1].label, "native bf16 (recommended)");
  EXPECT_TRUE(panel.spots[1].chosen);
  EXPECT_NEAR(panel.spots[1].point.y, -0.05, 1e-12);
  EXPECT_NEAR(panel.spots[1].point.low, -0.25, 1e-12);
  EXPECT_TRUE(std::ranges::is_sorted(panel.spots, std::greater(), [](const Spot& spot) { return spot.point.x; }));
  ASSERT_EQ(panel.levels.size(), 2u);
  EXPECT_DOUBLE_EQ(panel.levels[1].y, -0.5);
}

TEST(AccuracyFigureTest, OnTheFrontierIsWhatIsSurelyBetterThanTheFasterOne) {
  // fp32 is 0.05 points better than native bf16, which the intervals do not tell.
  BenchResults results = labelled_results();
  ASSERT_EQ(accuracy_frontier(results).size(), 1u);
  EXPECT_EQ(backend_words(accuracy_frontier(results)[0]->configuration), "native bf16");
  EXPECT_TRUE(accuracy_figure(results).panels[0].lines.empty());
  // Half a point worse for sure: then fp32 is worth its time. onnxruntime int8 is slower and 0.2 points better, not so.
  results.backends[1].accuracy->difference = {-0.005, -0.007, -0.003};
  const std::vector<const CellResult*> frontier = accuracy_frontier(results);
  ASSERT_EQ(frontier.size(), 2u);
  EXPECT_EQ(backend_words(frontier[1]->configuration), "native fp32");
  const Line line = accuracy_figure(results).panels[0].lines.back();
  EXPECT_TRUE(line.bare);
  ASSERT_EQ(line.points.size(), 3u);
  EXPECT_DOUBLE_EQ(line.points[0].y, 0);
  EXPECT_DOUBLE_EQ(line.points[2].y, -0.5);
  EXPECT_EQ(line.points[1].x, line.points[0].x);
  EXPECT_EQ(line.points[1].y, line.points[2].y);
}

TEST(AccuracyFigureTest, ATypeThatLosesNearlyAllLeavesTheOthersTheirRoom) {
  BenchResults results = labelled_results();
  results.backends[2].accuracy->difference = {-0.6, -0.62, -0.58};
  const Panel panel = accuracy_figure(results).panels.at(0);
  EXPECT_EQ(panel.spots[0].label, "native int8 (rejected), far below: -60.0");
  EXPECT_EQ(panel.spots[0].point.y, panel.y.scale.low);
  EXPECT_GT(panel.y.scale.low, -10);
}

TEST(AccuracyFigureTest, IntervalsOfRejectedTypesStayInsideThePlot) {
  for (const double reach : {0.0077, 0.9}) {
    BenchResults results = labelled_results();
    results.backends[2].accuracy->difference = {0, -reach, reach};
    const Panel panel = accuracy_figure(results).panels.at(0);
    EXPECT_EQ(panel.spots[0].label, "native int8 (rejected)");
    EXPECT_EQ(panel.spots[0].point.y, 0);
    for (const Spot& spot : panel.spots) {
      EXPECT_GE(panel.y.scale.at(spot.point.low), 0) << spot.label;
      EXPECT_LE(panel.y.scale.at(spot.point.high), 1) << spot.label;
    }
    EXPECT_LT(panel.y.scale.high, 10);
  }
}

TEST(AccuracyFigureTest, OnePointIsNoChart) {
  BenchResults results = labelled_results();
  std::erase_if(results.cells, [](const CellResult& cell) { return cell.configuration.backend != "torch-eager"; });
  EXPECT_TRUE(accuracy_figure(results).panels.empty());
}

TEST(AccuracyFigureTest, WithoutLabelsThereIsNone) {
  EXPECT_TRUE(accuracy_figure(article_results()).panels.empty());
  EXPECT_TRUE(accuracy_frontier(article_results()).empty());
}

TEST(AccuracyFigureTest, EqualScoresHaveRoom) {
  BenchResults results = labelled_results();
  results.constraints.max_accuracy_loss.reset();
  for (BackendResult& backend : results.backends) {
    if (backend.accuracy) backend.accuracy->difference = {0, 0, 0};
  }
  const Figure figure = accuracy_figure(results);
  EXPECT_LT(figure.panels[0].y.scale.low, 0);
  EXPECT_GT(figure.panels[0].y.scale.high, 0);
  EXPECT_EQ(accuracy_frontier(results).size(), 1u);
}

}  // namespace
}  // namespace paceline
