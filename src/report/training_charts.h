#pragma once

#include <vector>

#include "report/charts.h"
#include "results/training.h"

namespace paceline {

/// Loss over updates, of the texts learnt from and of those of the eval file.
Figure training_loss_figure(const Training& training);

/// The metric of every evaluation, with its interval; a line marks the best.
Figure training_metric_figure(const Training& training);

/// How large the steps of the updates were.
Figure learning_rate_figure(const Training& training);

/// All of them, named "loss", "metric", "learning_rate".
std::vector<NamedFigure> training_figures(const Training& training);

}  // namespace paceline
