#pragma once

#include <string>
#include <vector>

#include "report/report.h"
#include "report/staged_files.h"
#include "results/training.h"

namespace paceline {

/// Adds README.md, training.json, report.html and charts/loss.*, metric.*, learning_rate.* to the files of a trained
/// model's folder. Returns a remark for the user, empty where all is there.
std::string add_training_report(const Training& training, StagedFiles& staged);

/// Every file that it may add.
std::vector<std::string> training_report_files();

/// report.html.
std::string training_html(const Training& training);

/// README.md: the model card, with the fields that the hub reads in front.
std::string model_card(const Training& training);

/// The result on one screen.
std::string training_text(const Training& training, const TerminalOptions& options);

}  // namespace paceline
