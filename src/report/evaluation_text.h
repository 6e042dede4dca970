#pragma once

#include <string>

#include "report/report.h"
#include "results/evaluation.h"

namespace paceline {

/// What evaluate found, on one screen: the figures with their intervals, a row for each label, how far probabilities
/// can be trusted, and the difference to the other model.
std::string evaluation_text(const Evaluation& evaluation, const TerminalOptions& options);

}  // namespace paceline
