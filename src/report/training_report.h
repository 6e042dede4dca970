#pragma once

#include <string>
#include <vector>

#include "report/report.h"
#include "report/staged_files.h"
#include "results/training.h"

namespace paceline {

/// Adds README.md, report.html, charts/loss.*, metric.*, learning_rate.* and training.json to the files of a trained
/// model's folder. training.json is the last, and `training` gets what it lists: the hashes of all other files. Returns
/// a remark for the user, empty where all is there.
std::string add_training_report(Training& training, StagedFiles& staged);

/// Every file that it may add.
std::vector<std::string> training_report_files();

/// report.html.
std::string training_html(const Training& training);

/// README.md: the model card, with the fields that the hub reads in front.
std::string model_card(const Training& training);

/// The result on one screen.
std::string training_text(const Training& training, const TerminalOptions& options);

}  // namespace paceline
