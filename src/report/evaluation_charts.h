#pragma once

#include <vector>

#include "report/charts.h"
#include "results/evaluation.h"

namespace paceline {

/// How often predictions of each probability are right, beside how often they should be. Without panels for a
/// regression.
Figure reliability_figure(const Evaluation& evaluation);

/// F1 of each label, the most frequent first. Without panels for a regression.
Figure label_figure(const Evaluation& evaluation);

/// Those for which there is data.
std::vector<NamedFigure> evaluation_figures(const Evaluation& evaluation);

}  // namespace paceline
