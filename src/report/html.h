#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

struct HtmlOptions {
  std::string plan_path;  ///< as a user types it; empty where no plan was written
};

/// report.html.
std::string report_html(const BenchResults& results, const HtmlOptions& options);

}  // namespace paceline
