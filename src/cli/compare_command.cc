#include <fmt/format.h>

#include "base/paths.h"
#include "cli/exit_code.h"
#include "cli/subcommands.h"
#include "paceline/error.h"
#include "report/compare.h"
#include "results/report_reader.h"
#include "words/suggest.h"

namespace paceline {
namespace {

struct CompareOptions {
  std::filesystem::path earlier, later;
  double tolerance = 0.02;
  bool json = false;
};

constexpr const char* kReportFile = "report.json";

/// The page of a report, its samples, a chart: files beside report.json that hold no report to read.
void refuse_other_file(const std::filesystem::path& path) {
  const std::filesystem::path report = path.parent_path() / kReportFile;
  if (path.extension() == ".json" || !path_exists(path) || !path_exists(report)) return;
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[compare] {} was given, and what can be compared is the {} beside it. Name that, or the "
                          "folder.",
                          excerpt(path.string(), 200), kReportFile)};
}

/// report.json, or the folder that bench wrote it into.
BenchResults read(const std::filesystem::path& path) {
  if (is_folder(path)) return read_report(path / kReportFile);
  refuse_other_file(path);
  return read_report(path);
}

int run_compare_command(const CompareOptions& options, Console& console) {
  const Comparison comparison = compare_results(read(options.earlier), read(options.later), options.tolerance);
  if (options.json) {
    console.write(comparison_json(comparison));
  } else {
    console.write_styled(comparison_text(comparison, {.width = Console::width(), .color = Console::has_color()}));
  }
  // A guard that could not compare has to stop, too: silence would pass for "no slower".
  if (!comparison.comparable() || (comparison.cells.empty() && !comparison.recommended)) return kExitBadData;
  return comparison.regressed() ? kExitGateFailed : kExitDone;
}

}  // namespace

Command make_compare_command() {
  constexpr double kLargestTolerance = 1;  // twice the time; a percentage is never meant so
  const auto options = std::make_shared<CompareOptions>();
  return {
      .name = "compare",
      .summary = "say what became faster or slower between two reports",
      .flags = {{"OLD", "", "report.json of the earlier run, or its folder", set_path(options->earlier), true},
                {"NEW", "", "report.json of the later run, or its folder", set_path(options->later), true},
                {"--tolerance", "X", "share by which a time may grow (default 0.02)",
                 set_number(options->tolerance, 0, kLargestTolerance)},
                {"--json", "", "print JSON (default: text)", set_switch(options->json)}},
      .notes =
          "A ratio is the later time over the earlier, with its 95 % interval. Exit code 5: a confirmed or the "
          "recommended configuration is slower, with its whole interval beyond the tolerance, or the gate now rejects "
          "it. 3: the two runs did different work.",
      .run = [options](const Invocation& invocation) { return run_compare_command(*options, invocation.console); }};
}

}  // namespace paceline
