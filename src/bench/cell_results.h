#pragma once

#include <optional>
#include <vector>

#include "bench/measurement.h"
#include "results/results.h"

namespace paceline {

/// What the comparison is against: torch-eager where it runs, else onnxruntime, else the first; at the smallest batch
/// size, texts as given, one instance with the most threads. Index into the cells, which are not empty.
std::size_t choose_baseline(const std::vector<Cell>& cells, const std::vector<Contender>& contenders);

/// Floating-point operations per token and second that 100 % of the roof would be.
struct RoofFacts {
  Roof roof;
  double flops_per_token = 0;  ///< mean over the sample
};

/// GFLOP/s that 100 % of the roof would be; 0 where it was not measured: on a device, or of a type without a kernel.
double roof_gflops(const Roof& roof, const std::string& compute_type, const std::string& device);

/// The figures of every cell: of its confirmation where it has all of its rounds, else of the exploratory rounds.
std::vector<CellResult> summarize_cells(const Measurement& measurement, const std::vector<Contender>& contenders,
                                        const BenchSubject& subject, const RoofFacts& roof, std::size_t baseline);

/// Cells that are planned and predicted only.
std::vector<CellResult> predicted_cells(const Grid& grid, const std::vector<Contender>& contenders,
                                        const BenchSubject& subject);

}  // namespace paceline
