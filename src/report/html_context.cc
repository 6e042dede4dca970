#include "report/html_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/token_types_name.h"
#include "report/findings.h"
#include "report/html_parts.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {

namespace {

/// What tokenizing takes, and its share of the fastest configuration whose answers were not rejected.
std::string tokenizing_fact(const BenchResults& results) {
  const double tokenizing = results.workload.tokenize_ms_per_text;
  if (tokenizing <= 0) return "";
  double fastest = std::numeric_limits<double>::infinity();
  for (const CellResult& cell : results.cells) {
    if (was_measured(cell) && !was_rejected(results, cell)) fastest = std::min(fastest, cell.ms_per_text.median);
  }
  std::string fact = format_number(tokenizing) + " ms per text";
  if (fastest > 0 && std::isfinite(fastest)) {
    fact += fmt::format(", {} of the fastest configuration's time", format_percent(tokenizing / fastest));
  }
  if (results.end_to_end.ms_per_text > 0) {
    fact += ". Timed once, by itself. End to end, it runs beside the model, so it may take less there.";
  }
  return fact;
}

}  // namespace

std::string workload_facts(const BenchResults& results) {
  const WorkloadSummary& is = results.workload;
  const CheckpointSummary& checkpoint = results.checkpoint;
  const bool known = is.texts > 0;
  return html_facts(
      {{"Texts", known ? fmt::format("{} of {} in {}, seed {}", format_count(is.texts),
                                     format_count(is.texts_available), is.source, is.seed)
                       : ""},
       {"In windows", is.in_windows() ? fmt::format("{} of the texts, each shares {} tokens with the one before",
                                                    format_count(is.sequences), is.long_texts->stride)
                                      : ""},
       {is.in_windows() ? "Tokens per window" : "Tokens per text",
        known ? fmt::format("mean {}, median {}, 95th percentile {}, {} to {}", format_number(is.mean_tokens),
                            format_number(is.median_tokens), format_number(is.p95_tokens), is.min_tokens, is.max_tokens)
              : ""},
       {"Cut to the model's limit", is.truncated_texts > 0 ? counted(is.truncated_texts, "text") : ""},
       {"Rows skipped", is.rows_skipped > 0 ? format_count(is.rows_skipped) : ""},
       {"Tokenizing", tokenizing_fact(results)},
       {"Checkpoint", checkpoint.model_dir},
       {"Weights", checkpoint.options.file.string()},
       {"Prefix of the weights", checkpoint.options.prefix},
       {"Base of the adapter", checkpoint.options.base.string()},
       {"Token types", checkpoint.options.token_types == TokenTypes::kAsSaved
                           ? ""
                           : std::string(token_types_name(checkpoint.options.token_types))},
       {"Hash", checkpoint.hash},
       {"Architecture", checkpoint.architecture},
       {"Parameters", checkpoint.parameters > 0
                          ? fmt::format("{}, stored as {}", format_count(checkpoint.parameters), checkpoint.dtype)
                          : ""},
       {"Work", checkpoint.mflops_per_token > 0
                    ? format_number(checkpoint.mflops_per_token) + " MFLOP per token at the mean length"
                    : ""}});
}

std::string machine_facts(const BenchResults& results) {
  const MachineRecord& machine = results.machine;
  const CpuTopology& topology = machine.topology;
  const std::string loads =
      fmt::format("{:.2f} before, {:.2f} after; others used {} of the CPU time", results.load_before.load_average,
                  results.load_after.load_average, format_percent(results.load_after.other_share, 0));
  std::vector<Fact> facts{
      {"CPU", machine.cpu},
      {"Cores", fmt::format("{} usable of {} logical, {} physical{}", topology.usable, topology.logical_cpus,
                            topology.physical_cores,
                            topology.cgroup_quota > 0
                                ? fmt::format("; the container allows {}", format_number(topology.cgroup_quota))
                                : "")},
      {"Instruction set", machine.active_isa},
      {"Memory", machine.memory_bytes > 0 ? format_bytes(machine.memory_bytes) : ""},
      {"Kernel", machine.kernel},
      {"Virtualisation", machine.virtualization}};
  for (const RoofFigure& figure : kRoofFigures) {
    const double value = results.roof.*figure.value;
    if (!(value > 0)) continue;
    facts.push_back({std::string(figure.title), fmt::format("{} {}{}{}", format_number(value), figure.unit,
                                                            figure.how.empty() ? "" : " ", figure.how)});
  }
  facts.push_back({"Load average", loads});
  return html_facts(facts);
}

std::string method(const BenchResults& results) {
  const int32_t threads = results.backends.empty() ? 0 : results.backends.front().threads;
  const std::string with_threads = threads > 0 ? fmt::format(", each with {}", counted(threads, "thread")) : "";
  const bool all = results.protocol == "article";
  return html_list(
             {"Check the answers. The gate compares each backend's answers with those of a trusted one, the oracle. A "
              "backend whose answers differ is never recommended.",
              fmt::format(
                  "Plan the batches. All texts are put into batches once for each batch size and order. A round "
                  "times {}, the same for every backend.",
                  all ? "all of them" : "some of them, evenly spaced from a random start"),
              fmt::format("Explore. Each backend runs in a process of its own{}, one at a time. The rounds of all "
                          "configurations are mixed in random order.",
                          with_threads),
              fmt::format("Confirm. The best configurations and the baseline are measured again{}. Only confirmed "
                          "figures decide the recommendation, the others are exploratory.",
                          all ? "" : ", on batches that were not used to choose")}) +
         html_paragraph(
             "A time begins with token ids in memory and ends with logits in memory. Figures are medians over the "
             "rounds with 95 % intervals. Two configurations are equal where the interval of their ratio contains 1 "
             "and reaches at most 10 % to either side. Where it reaches further, this run cannot tell them apart.");
}

}  // namespace paceline
