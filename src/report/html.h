#pragma once

#include <string>

#include "results/results.h"

namespace paceline {

struct HtmlOptions {
  std::string plan_path;  ///< as a user types it; empty where no plan was written
};

/// report.html: one file that needs no network, light and dark, from 360 pixels up. Its script (values on hover, focus
/// and touch, sorting) is a comfort: without it every value is still there.
std::string report_html(const BenchResults& results, const HtmlOptions& options);

}  // namespace paceline
