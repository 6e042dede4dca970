#pragma once

#include <string>

#include "report/html.h"
#include "results/results.h"

namespace paceline {

/// The answer, as HTML.

/// What is recommended, in large letters, with its figures and how to use it.
std::string html_answer(const BenchResults& results, const HtmlOptions& options);
/// Why this and not another: what was asked for, the runner-up, each backend that was not chosen.
std::string html_reasons(const BenchResults& results);
/// How to measure again.
std::string html_repeat(const BenchResults& results);

}  // namespace paceline
