#include "bench/cell_results.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "backend/registry.h"
#include "machine/compute_type.h"
#include "results/series.h"
#include "results/statistics.h"
#include "results/time_ratios.h"

namespace paceline {
namespace {

/// Lower is more of a baseline. A user's own file is none.
int baseline_rank(const std::string& backend) {
  const auto known = std::ranges::find(known_backends(), backend, &BackendEntry::name);
  return known == known_backends().end() ? kNoBaseline : known->baseline_rank;
}

void fill_figures(CellResult& result, const std::vector<double>& sample_seconds, const WorkloadSummary& workload,
                  const PooledSpread& typical) {
  std::vector<double> ms;
  for (double seconds : sample_seconds) ms.push_back(1e3 * seconds / static_cast<double>(workload.texts));
  result.rounds = static_cast<int32_t>(ms.size());
  if (ms.empty()) return;
  result.ms_per_text = estimate(ms, typical);
  result.ms_per_text_min = *std::min_element(ms.begin(), ms.end());
  result.texts_per_second = 1e3 / result.ms_per_text.median;
  result.tokens_per_second = result.texts_per_second * workload.tokens_per_text();
}

void fill_latency(CellResult& result, const std::vector<double>& text_seconds) {
  if (text_seconds.empty()) return;
  result.p50_ms = 1e3 * nearest_rank(text_seconds, 0.50);
  result.p90_ms = 1e3 * nearest_rank(text_seconds, 0.90);
  result.p95_ms = 1e3 * nearest_rank(text_seconds, 0.95);
  result.p99_ms = 1e3 * nearest_rank(text_seconds, 0.99);
}

CellResult planned_cell(const Grid& grid, const Cell& cell, double predicted_seconds, int64_t texts) {
  CellResult result;
  result.configuration = cell.configuration;
  result.padding_ratio = grid.plans[cell.plan].batches.padding_ratio;
  result.predicted_ms_per_text = 1e3 * predicted_seconds / static_cast<double>(texts);
  return result;
}

bool is_whole(const Series& confirmation, const Measurement& measurement) {
  return !confirmation.rounds.empty() &&
         confirmation.rounds.size() == static_cast<std::size_t>(measurement.confirmation_rounds());
}

/// What a cell's figures come from: the whole confirmation's rounds where there is one, else the exploratory ones.
Series deciding_series(const Measurement& measurement, const MeasuredCell& measured) {
  Series confirmed = series_of(measured.timings, true);
  return is_whole(confirmed, measurement) ? confirmed : series_of(measured.timings, false);
}

/// What the times of a typical cell vary by.
PooledSpread typical_spread(const Measurement& measurement) {
  std::vector<std::vector<double>> times;
  for (const MeasuredCell& measured : measurement.cells()) {
    times.push_back(deciding_series(measurement, measured).sample_seconds);
  }
  return pooled_log_spread(times);
}

CellResult summarize_cell(const Measurement& measurement, const MeasuredCell& measured, const BenchSubject& subject,
                          const RoofFacts& roof, const PooledSpread& typical) {
  const WorkloadSummary& workload = subject.workload.summary;
  CellResult result = planned_cell(measurement.grid(), measured.cell, measured.predicted_seconds, workload.texts);
  result.timings = measured.timings;
  const Series confirmed = series_of(measured.timings, true);
  result.confirmed = is_whole(confirmed, measurement);
  if (result.confirmed) result.limit = measurement.limit_of(measured);
  result.partial = !confirmed.rounds.empty() && !result.confirmed;
  const Series series = deciding_series(measurement, measured);
  if (series.rounds.size() < static_cast<std::size_t>(kFewestRounds)) result.partial = true;
  fill_figures(result, series.sample_seconds, workload, typical);
  fill_latency(result, measured.text_seconds);
  const Configuration& at = result.configuration;
  const double limit = roof_gflops(roof.roof, at.compute_type, at.device);
  if (limit > 0) result.roof_share = result.tokens_per_second * roof.flops_per_token / 1e9 / limit;
  return result;
}

}  // namespace

double roof_gflops(const Roof& roof, const std::string& compute_type, const std::string& device) {
  const ComputeType* known = device == "cpu" ? find_compute_type(compute_type) : nullptr;
  return known == nullptr || known->roof == nullptr ? 0 : roof.*known->roof;
}

std::size_t choose_baseline(const std::vector<Cell>& cells, const std::vector<Contender>& contenders) {
  std::size_t best = 0;
  const auto key = [&](const Cell& cell) {
    const Configuration& at = cell.configuration;
    const int32_t size = at.batch_size > 0 ? at.batch_size : std::numeric_limits<int32_t>::max();
    return std::tuple(!contenders[cell.backend].running(), at.compute_type != "fp32", at.device != "cpu",
                      baseline_rank(at.backend), at.instances, -at.threads, size, at.order != Order::kInput);
  };
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (key(cells[i]) < key(cells[best])) best = i;
  }
  return best;
}

std::vector<CellResult> summarize_cells(const Measurement& measurement, const std::vector<Contender>& contenders,
                                        const BenchSubject& subject, const RoofFacts& roof, std::size_t baseline) {
  const PooledSpread typical = typical_spread(measurement);
  std::vector<CellResult> results;
  for (const MeasuredCell& measured : measurement.cells()) {
    CellResult result = summarize_cell(measurement, measured, subject, roof, typical);
    result.error = contenders[measured.cell.backend].result.error;
    results.push_back(std::move(result));
  }
  const TimeRatios time_ratio(results);
  for (CellResult& result : results) result.speedup = time_ratio(results[baseline], result);
  return results;
}

std::vector<CellResult> predicted_cells(const Grid& grid, const std::vector<Contender>& contenders,
                                        const BenchSubject& subject) {
  std::vector<CellResult> results;
  for (const Cell& cell : grid.cells) {
    const double seconds = plan_seconds(grid.plans[cell.plan], contenders[cell.backend].cost, subject.work);
    results.push_back(planned_cell(grid, cell, seconds, subject.workload.summary.texts));
  }
  return results;
}

}  // namespace paceline
