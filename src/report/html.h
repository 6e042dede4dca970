#pragma once

#include <string>

#include "bench/results.h"

namespace paceline {

struct HtmlOptions {
  std::string plan_path;  ///< as a user types it; empty where no plan was written
};

/// report.html: one file that needs no network and runs no script, light and dark, from 360 pixels up.
std::string report_html(const BenchResults& results, const HtmlOptions& options);

}  // namespace paceline
