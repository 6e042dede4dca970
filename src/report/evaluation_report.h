#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/evaluation.h"

namespace paceline {

/// Writes evaluation.html, evaluation.json, charts/labels.* and charts/reliability.* into `out_dir`, which is made if
/// need be; all or none. Returns a remark for the user, empty where all is there. Throws as write_report() does.
std::string write_evaluation(const Evaluation& evaluation, const std::filesystem::path& out_dir);

/// The names that write_evaluation() may give to files, from `out_dir`.
std::vector<std::string> names_of_an_evaluation();

/// Before the work: whether they can be written there. Throws as write_evaluation() does.
void check_evaluation_folder(const std::filesystem::path& out_dir);

/// evaluation.html.
std::string evaluation_html(const Evaluation& evaluation);

}  // namespace paceline
