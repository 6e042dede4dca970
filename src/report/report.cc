#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <vector>

#include "paceline/error.h"
#include "report/charts.h"
#include "report/html.h"
#include "report/staged_files.h"
#include "results/profile_json.h"
#include "results/report_json.h"
#include "results/report_reader.h"
#include "results/samples_csv.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProfileFile = "profile.json";
constexpr const char* kIncompleteFolder = "incomplete";

/// Every chart. Returns whether every PNG was drawn.
bool add_charts(StagedFiles& staged, const BenchResults& results) {
  bool drawn = true;
  for (const NamedFigure& named : all_figures(results))
    drawn = staged.add_chart(named.name, named.figure, drawn) && drawn;
  return drawn;
}

/// The report of an earlier run that was not complete. What cannot be removed stays: it is beside the report.
void remove_incomplete(const fs::path& out_dir) {
  const fs::path folder = out_dir / kIncompleteFolder;
  std::error_code ignored;
  for (const std::string& name : names_of_a_report()) fs::remove(folder / name, ignored);
  fs::remove(folder / "charts", ignored);
  fs::remove(folder, ignored);
}

/// How much a run has to say.
enum class Substance { kNothing, kPart, kWhole };

Substance substance_of(const BenchResults& results) {
  const auto measured = [](const CellResult& cell) { return cell.rounds > 0; };
  if (std::ranges::none_of(results.cells, measured)) return Substance::kNothing;
  return results.interrupted ? Substance::kPart : Substance::kWhole;
}

/// What cannot be read (of a newer version, say) may be anything, so it is not replaced by less than the whole.
Substance substance_of_report(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return Substance::kNothing;
  try {
    return substance_of(read_report(file));
  } catch (const Error&) {
    return Substance::kWhole;
  }
}

}  // namespace

std::vector<std::string> names_of_a_report() {
  std::vector<std::string> names{"report.html", "report.json", "samples.csv", "plan.json"};
  for (const char* chart : kChartNames) {
    for (const char* ending : {".svg", ".png"}) names.push_back(fmt::format("charts/{}{}", chart, ending));
  }
  return names;
}

void check_report_folder(const fs::path& out_dir) { check_target(out_dir, names_of_a_report()); }

void check_profile_folder(const fs::path& out_dir) { check_target(out_dir, {kProfileFile}); }

std::optional<fs::path> report_folder(const BenchResults& results, const fs::path& out_dir) {
  const Substance earlier = substance_of_report(out_dir / "report.json");
  const Substance now = substance_of(results);
  if (now >= earlier) return out_dir;
  const fs::path beside = out_dir / kIncompleteFolder;
  const bool worth_it = now > Substance::kNothing || !results.interrupted;
  if (!worth_it || now < substance_of_report(beside / "report.json")) return std::nullopt;
  return beside;
}

std::string write_report(const BenchResults& results, const fs::path& out_dir, const PlanWriter& write_plan) {
  StagedFiles staged(out_dir, names_of_a_report());
  const bool drawn = add_charts(staged, results);
  staged.add("samples.csv", samples_csv(results));
  staged.add("report.json", report_json(results));
  if (write_plan) staged.add("plan.json", write_plan);
  const std::string plan_path = write_plan ? (out_dir / "plan.json").string() : "";
  staged.add("report.html", report_html(results, {.plan_path = plan_path}));
  staged.commit();
  if (substance_of(results) == Substance::kWhole) remove_incomplete(out_dir);
  return drawn ? "" : kNoPng;
}

void write_profile(const BenchResults& results, const fs::path& out_dir) {
  StagedFiles staged(out_dir, {kProfileFile});
  staged.add(kProfileFile, profile_json(results));
  staged.commit();
}

}  // namespace paceline
