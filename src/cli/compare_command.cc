#include "cli/exit_code.h"
#include "cli/subcommands.h"
#include "report/compare.h"
#include "results/report_reader.h"

namespace paceline {
namespace {

struct CompareOptions {
  std::filesystem::path earlier, later;
  double tolerance = 0.02;
  bool json = false;
};

/// report.json, or the folder that bench wrote it into.
BenchResults read(const std::filesystem::path& path) {
  std::error_code error;
  return read_report(std::filesystem::is_directory(path, error) ? path / "report.json" : path);
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
