/// Measures Paceline's own backend against what it has to reach: every row of the table in interleaved rounds, the roof
/// in each of them. ./dev bench-native builds it, prepares the checkpoint and runs it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "targets/load_memory.h"
#include "targets/program.h"
#include "targets/target_run.h"

namespace paceline {
namespace {

std::string what_is_measured(const Target& target) {
  if (target.kind == Target::Kind::kRoofShare) {
    return fmt::format("{}, {}: share of the roof", target.ours.name(), target.shapes.front().name());
  }
  const std::string where = target.kind == Target::Kind::kBestRatio ? "best of " : "";
  std::string shapes;
  for (const BatchShape& shape : target.shapes) shapes += (shapes.empty() ? "" : ", ") + shape.name();
  return fmt::format("{} over {}, {}{}", target.ours.name(), target.peer.name(), where, shapes);
}

struct Tally {
  int required = 0, of_required = 0, stretch = 0, of_stretch = 0;

  void add(bool required_met, bool stretch_met) {
    required += required_met ? 1 : 0;
    stretch += stretch_met ? 1 : 0;
    ++of_required;
    ++of_stretch;
  }
};

/// A row that not even the whole roof would reach is missed like another, and says so.
std::string judgement(const Target& target, const Verdict& verdict) {
  if (verdict.required) return "pass";
  return verdict.at_roof > 0 && verdict.at_roof < target.required ? "FAIL: beyond the roof" : "FAIL";
}

void print_row(const std::string& what, double required, double stretch, const std::string& reached,
               const std::string& rest) {
  fmt::print("{:<58} {:>8.2f} {:>8.2f}  {:<24} {}\n", what, required, stretch, reached, rest);
}

void print_target(const Target& target, const TargetTimes& times, Tally& tally) {
  const Verdict verdict = judge(target, times);
  const std::string what = what_is_measured(target);
  if (!verdict.measured) {
    if (verdict.failed) tally.add(false, false);
    fmt::print("{:<58} {:>8.2f} {:>8.2f}  not measured: {}\n", what, target.required, target.stretch, verdict.why_not);
    return;
  }
  tally.add(verdict.required, verdict.stretch);
  const std::string at_roof = verdict.at_roof > 0 ? fmt::format("{:.2f}", verdict.at_roof) : "";
  print_row(what, target.required, target.stretch,
            fmt::format("{:.2f} ({:.2f} to {:.2f})", verdict.value.median, verdict.value.low, verdict.value.high),
            fmt::format("{:>7}  {}", at_roof, judgement(target, verdict)));
}

void print_most(const std::string& what, double required, double stretch, double reached, Tally& tally) {
  tally.add(reached <= required, reached <= stretch);
  print_row(what, required, stretch, fmt::format("{:.2f}", reached),
            fmt::format("{:>7}  {}", "", reached <= required ? "pass" : "FAIL"));
}

/// Before anything else is in memory.
std::map<Runner, double> measure_memory(const std::filesystem::path& model_dir) {
  return {{{"native", "fp32"}, peak_memory_share(model_dir, NumberType::kFp32)},
          {{"native", "bf16"}, peak_memory_share(model_dir, NumberType::kBf16)},
          {{"native", "int8"}, peak_memory_share(model_dir, NumberType::kInt8)}};
}

void print_loading(const TargetTimes& times, const std::map<Runner, double>& memory, Tally& tally) {
  const LoadTargets targets;
  for (const auto& [runner, seconds] : times.load_seconds) {
    if (runner.backend != "native") continue;
    print_most(runner.name() + ": seconds to load, at most", targets.required_seconds, targets.stretch_seconds, seconds,
               tally);
  }
  for (const auto& [runner, share] : memory) {
    print_most(runner.name() + ": peak memory over weights kept, at most", targets.required_memory,
               targets.stretch_memory, share, tally);
  }
}

int run(int count, char** arguments) {
  TargetRunOptions options;
  CLI::App app("Paceline's own backend against what it has to reach.");
  app.add_option("model", options.model_dir, "checkpoint")->required();
  app.add_option("texts", options.text_file, "a text a line")->required();
  app.add_option("--paceline", options.executable, "the program whose backends are measured")->required();
  app.add_option("--rounds", options.rounds, "of everything (default 9)")->check(CLI::Range(2, 1000));
  app.add_option("--only", options.only, "backends whose name contains this (default all)")->delimiter(',');
  CLI11_PARSE(app, count, arguments);
  options.show = [](const std::string& text) { fmt::print(stderr, "targets: {}\n", text); };

  const std::vector<Target> targets = all_targets();
  const std::map<Runner, double> memory = measure_memory(options.model_dir);
  const TargetTimes times = measure_targets(targets, options);
  Tally tally;
  fmt::print("{:<58} {:>8} {:>8}  {:<24} {}\n", "", "required", "stretch", "reached (95 % interval)", "at roof");
  for (const Target& target : targets) print_target(target, times, tally);
  print_loading(times, memory, tally);
  fmt::print("{} of {} required, {} of {} stretch\n", tally.required, tally.of_required, tally.stretch,
             tally.of_stretch);
  return tally.required == tally.of_required ? 0 : kMissed;
}

}  // namespace
}  // namespace paceline

int main(int count, char** arguments) { return paceline::run_program(paceline::run, count, arguments); }
