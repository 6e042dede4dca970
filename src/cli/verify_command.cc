#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "bench/bench.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "cli/text_table.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct VerifyFlags {
  BenchOptions bench;
  int32_t threads = 0;
  bool quiet = false;
};

bool is_installed(const BackendResult& result) { return backend_status(find_backend(result.engine)).available; }

/// An engine that is there and gave wrong answers or none. One that is not installed has not failed.
bool has_failed(const BackendResult& result) {
  if (result.gate.ran) return !result.gate.accepted;
  return !result.error.empty() && (result.no_room || is_installed(result));
}

/// Answers were compared and differ.
bool differs(const BackendResult& result) { return result.gate.ran && !result.gate.accepted && result.gate.texts > 0; }

int verdict_code(const BenchResults& results) {
  const auto& backends = results.backends;
  if (results.interrupted) return kExitInterrupted;
  if (std::none_of(backends.begin(), backends.end(), has_failed)) return kExitDone;
  const bool no_room = results.unchecked_for_room ||
                       std::any_of(backends.begin(), backends.end(), [](const auto& is) { return is.no_room; });
  return no_room && std::none_of(backends.begin(), backends.end(), differs) ? kExitExhausted : kExitGateFailed;
}

std::vector<std::string> table_row(const BackendResult& result) {
  const GateResult& gate = result.gate;
  if (!gate.ran) {
    const char* verdict = result.no_room ? "no room" : has_failed(result) ? "failed" : "missing";
    return {result.backend, result.compute_type, verdict, result.error};
  }
  const auto difference = [](double value) { return fmt::format("{:.2e}", value); };
  return {result.backend,
          result.compute_type,
          gate.accepted ? "accepted" : "rejected",
          difference(gate.max_abs_logit_diff),
          difference(gate.mean_abs_logit_diff),
          difference(gate.max_relative_diff),
          fmt::format("{:.2f} %", 100 * gate.agreement),
          std::to_string(gate.texts),
          gate.oracle};
}

std::string results_table(const BenchResults& results) {
  std::vector<std::vector<std::string>> rows{
      {"backend", "type", "verdict", "max diff", "mean diff", "relative", "agreement", "texts", "oracle"}};
  for (const BackendResult& result : results.backends) rows.push_back(table_row(result));
  return text_table(rows, "lllrrrrrl");
}

/// Flags that say how texts are read, where none are.
void check_row_flags(const BenchOptions& bench) {
  const RowReaderOptions& rows = bench.texts.rows;
  const bool given = rows.format != RowFormat::kAuto || rows.delimiter != '\0' || rows.text_column.has_value() ||
                     !rows.pair_column.empty();
  if (!given || !bench.texts.file.empty()) return;
  throw Error{ErrorCode::kInvalidArgument,
              "[verify] --format, --delimiter, --text-column and --pair-column say how --text is read, and there is "
              "none. Name a file with --text, or leave them out."};
}

int run_verify_command(VerifyFlags& flags, Console& console) {
  check_row_flags(flags.bench);
  const auto progress = make_progress(flags.quiet, "verify", "s");
  flags.bench.choice.threads = {flags.threads};
  flags.bench.listener.progress = progress.get();
  flags.bench.stop = stop_by_signal();
  note_notices(flags.bench, console);
  const BenchResults results = run_verify(flags.bench);
  progress->finish();
  std::string table = results_table(results);
  for (const BackendResult& result : results.backends) {
    if (!result.gate.ran || result.gate.accepted) continue;
    table += fmt::format("{} {} is rejected: {}\n", result.backend, result.compute_type, result.gate.verdict);
  }
  for (const std::string& note : results.notes) table += note + "\n";
  console.write(table);
  return verdict_code(results);
}

}  // namespace

Command make_verify_command() {
  const auto flags = std::make_shared<VerifyFlags>();
  BenchOptions& bench = flags->bench;
  std::vector<Flag> table{
      model_dir_flag(bench.model_dir),
      {"--backends", "LIST", "backends to check (default: all that are installed)", set_list(bench.choice.backends)},
      {"--compute-types", "LIST", "fp32, bf16, int8 arithmetic (default: all that the CPU supports)",
       set_known_list(bench.choice.compute_types, known_compute_types())},
      {"--text", "FILE", "texts to compare, up to 256 (default: made-up token ids)", set_path(bench.texts.file)}};
  for (Flag& flag :
       weight_flags(bench.checkpoint_options.file, bench.checkpoint_options.prefix, bench.checkpoint_options.base)) {
    table.push_back(std::move(flag));
  }
  table.push_back(token_types_flag(bench.checkpoint_options.token_types));
  for (Flag& flag : row_flags(bench.texts.rows)) table.push_back(std::move(flag));
  for (Flag& flag : user_file_flags(bench.choice.files, "check")) table.push_back(std::move(flag));
  table.push_back(
      {"--devices", "LIST", "where to compute: cpu, cuda:0, ... (default cpu)", set_devices(bench.choice.devices)});
  table.push_back(threads_flag(flags->threads));
  table.push_back({"--min-agreement", "X", "share of equal labels that bf16 and int8 need (default 0.995)",
                   set_number(bench.constraints.min_agreement, 0, 1)});
  table.push_back(cache_dir_flag(bench.cache_dir));
  table.push_back({"--quiet", "", "no progress (default: shown)", set_switch(flags->quiet)});
  return {.name = "verify",
          .summary = "check that every backend gives the same answers",
          .flags = std::move(table),
          .notes =
              "Differences are between logits, relative ones as a share of the largest. fp32 has to agree within 1e-4 "
              "of it. Exit code 5: a backend's answers differ. 7: one could not be checked for want of memory, threads "
              "or open files.",
          .run = [flags](const Invocation& invocation) { return run_verify_command(*flags, invocation.console); }};
}

}  // namespace paceline
