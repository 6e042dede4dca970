#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "results/results.h"

namespace paceline {

/// Writes plan.json to the path given. A report may not know plans (they belong to classify), so the caller brings it:
///   write_report(results, out_dir, [&](const auto& file) { write_plan(plan, file); });
using PlanWriter = std::function<void(const std::filesystem::path& file)>;

/// Writes report.html, report.json, samples.csv, charts/*.svg and *.png and, where `write_plan` is given, plan.json
/// into `out_dir`, which is made if need be. Returns a remark for the user, empty where all is there: PNG takes
/// rsvg-convert, and a report without it is still one.
///
/// Everything is first written into a hidden folder inside `out_dir` and then swapped with what is there: a full disk,
/// or a file that cannot be replaced, leaves an earlier report as it was and nothing of this one. What an earlier
/// report has and this one lacks (plan.json, a chart) goes, so that all files are of one run, and with the report of a
/// complete run an earlier one in "incomplete"; other files stay.
/// Throws Error{resource_exhausted} where the disk is full, not_found or invalid_argument where `out_dir` cannot be
/// used.
std::string write_report(const BenchResults& results, const std::filesystem::path& out_dir,
                         const PlanWriter& write_plan = nullptr);

/// Where the report of these results belongs so that it replaces nothing that says more: `out_dir`; its folder
/// "incomplete" where `out_dir` holds the report of a complete run and this one is not; nowhere where this one was
/// interrupted before anything was measured and there is an earlier report.
std::optional<std::filesystem::path> report_folder(const BenchResults& results, const std::filesystem::path& out_dir);

/// Every file that a report of some run has, relative to its folder.
std::vector<std::string> names_of_a_report();

/// Before hours of measuring: whether a report can be written there. Leaves everything as it is; throws what
/// write_report() would.
void check_report_folder(const std::filesystem::path& out_dir);
void check_profile_folder(const std::filesystem::path& out_dir);

/// Writes profile.json into `out_dir`; the same errors as write_report.
void write_profile(const BenchResults& results, const std::filesystem::path& out_dir);

/// How the terminal is.
struct TerminalOptions {
  int width = 80;      ///< columns; lines never get longer, but for a word that does not fit, down to 40
  bool color = false;  ///< ANSI colours and bold
  std::filesystem::path out_dir = {};  ///< where the files are; empty: no file is named
  std::string remark = {};             ///< on the files, from write_report()
};

/// The result on one screen: the recommendation, the best cells of each backend, what was rejected, where the files
/// are.
std::string terminal_summary(const BenchResults& results, const TerminalOptions& options);

/// A table of stages for each of the results' profiles, and how to read it.
std::string profile_text(const BenchResults& results, const TerminalOptions& options);

}  // namespace paceline
