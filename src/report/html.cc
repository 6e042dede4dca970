#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <vector>

#include "report/charts.h"
#include "report/findings.h"
#include "report/format.h"
#include "report/html_parts.h"
#include "report/page_css.h"
#include "report/svg.h"

namespace paceline {
namespace {

constexpr int kWideChart = 900;    // px: between a tablet and the page's column, which scale it by a fifth at most
constexpr int kNarrowChart = 336;  // px: a phone of 360 without the page's margins

std::string tile(std::string_view value, std::string_view unit, std::string_view explanation) {
  return fmt::format("<div class=\"tile\"><b>{}</b> {}<small>{}</small></div>\n", escape_markup(value),
                     escape_markup(unit), escape_markup(explanation));
}

std::string speed_tiles(const BenchResults& results, const CellResult& cell) {
  const auto interval = [](const Estimate& estimate) {
    const std::string words = format_interval(estimate);
    return words.empty() ? "no interval: too few rounds" : "95 % interval " + words;
  };
  std::string html = tile(format_number(cell.ms_per_text.median), "ms per text", interval(cell.ms_per_text));
  html += tile(format_number(cell.texts_per_second), "texts/s",
               fmt::format("{} tokens/s", format_number(cell.tokens_per_second)));
  if (results.baseline && !is_baseline(results, cell) && has_median(cell.speedup)) {
    html += tile(format_ratio(cell.speedup.median), "the baseline's speed", interval(cell.speedup));
  }
  if (cell.roof_share > 0) html += tile(format_percent(cell.roof_share, 0), "of the machine's roof", "arithmetic peak");
  if (results.end_to_end.ms_per_text > 0) {
    html += tile(format_number(results.end_to_end.ms_per_text), "ms end to end", "from text to label");
  }
  return "<div class=\"tiles\">\n" + html + "</div>\n";
}

std::string hero(const BenchResults& results) {
  const Headline headline = make_headline(results);
  const CellResult* choice = results.recommendation.valid ? find_cell(results, results.recommendation.choice) : nullptr;
  std::string html = "<section class=\"hero\">\n";
  for (const std::string& notice : headline.notices) html += html_paragraph(notice, "notice");
  if (choice != nullptr) html += html_paragraph("Recommended", "label");
  html += fmt::format("<h2>{}</h2>\n", escape_markup(headline.title));
  html += html_paragraph(headline.speed, "speed");
  html += html_paragraph(headline.comparison);
  html += html_paragraph(headline.reason);
  if (choice != nullptr && was_measured(*choice)) html += speed_tiles(results, *choice);
  return html + "</section>\n";
}

std::string chart(const Figure& figure) {
  if (figure.panels.empty()) return "";
  return fmt::format("<figure class=\"wide\">{}</figure>\n<figure class=\"narrow\">{}</figure>\n",
                     render_svg(figure, {.width = kWideChart, .page = true}),
                     render_svg(figure, {.width = kNarrowChart, .page = true}));
}

std::string row_class(const BenchResults& results, const CellResult& cell) {
  if (!was_measured(cell) || was_rejected(results, cell)) return "bad";
  if (is_recommended(results, cell)) return "best";
  return "";
}

std::string padding_words(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  return backend != nullptr && !backend->padded ? "none" : format_percent(cell.padding_ratio);
}

TableRow speed_row(const BenchResults& results, const CellResult& cell, double slowest) {
  const Configuration& is = cell.configuration;
  const bool measured = was_measured(cell);
  TableRow row{.cells = {{.text = engine_label(results, is)}}, .css_class = row_class(results, cell)};
  row.cells.push_back({.text = measured ? format_number(cell.ms_per_text.median) : "",
                       .css_class = "bar",
                       .bar = measured ? cell.ms_per_text.median / slowest : 0});
  row.cells.push_back({.text = batch_words(is)});
  row.cells.push_back({.text = is.order == Order::kLength ? "sorted" : "as given"});
  if (!measured) {
    row.cells.push_back({.text = status_words(results, cell), .columns = 7});
    return row;
  }
  row.cells.push_back({.text = format_interval(cell.ms_per_text), .css_class = "soft"});
  row.cells.push_back({.text = format_number(cell.texts_per_second)});
  row.cells.push_back({.text = has_median(cell.speedup) ? format_ratio(cell.speedup.median) : ""});
  row.cells.push_back({.text = padding_words(results, cell)});
  row.cells.push_back({.text = cell.roof_share > 0 ? format_percent(cell.roof_share, 0) : ""});
  row.cells.push_back({.text = format_count(cell.rounds)});
  row.cells.push_back({.text = status_words(results, cell), .css_class = cell.confirmed ? "" : "soft"});
  return row;
}

std::string speed_table(const BenchResults& results, std::string_view label,
                        const std::vector<const CellResult*>& cells) {
  double slowest = 0;
  for (const CellResult* cell : cells) {
    if (was_measured(*cell)) slowest = std::max(slowest, cell->ms_per_text.median);
  }
  std::vector<TableRow> rows;
  for (const CellResult* cell : cells) rows.push_back(speed_row(results, *cell, slowest));
  return html_table(label,
                    {{"Backend"},
                     {"ms per text", true},
                     {"Batch"},
                     {"Order"},
                     {"95 % interval", true},
                     {"texts/s", true},
                     {"Speed-up", true},
                     {"Padding", true},
                     {"Roof", true},
                     {"Rounds", true},
                     {"Status"}},
                    rows);
}

std::string speed_tables(const BenchResults& results) {
  const std::vector<const CellResult*> all = ranked_cells(results), best = best_cells(results);
  if (all.empty()) return "";
  std::string words = "The best of each backend and order, fastest first, confirmed before exploratory. ";
  if (results.baseline) {
    words += fmt::format("Speed-up is against the baseline, {}. ", configuration_words(*results.baseline));
  }
  words +=
      "Roof is the share of the machine's arithmetic peak. Exploratory figures served to choose and favour the lucky; "
      "the others were measured afresh.";
  const std::string every = speed_table(results, "Every configuration", all);
  if (best.empty()) return every;
  const std::string first = html_paragraph(words) + speed_table(results, "The best of each backend and order", best);
  if (best.size() == all.size()) return first;
  return first + html_details(fmt::format("All {} configurations", all.size()), every);
}

TableRow gate_row(const BackendResult& backend) {
  const Configuration is{.backend = backend.backend, .compute_type = backend.compute_type, .device = backend.device};
  TableRow row{.cells = {{.text = engine_words(is)}}};
  const GateResult& gate = backend.gate;
  if (!gate.ran) {
    const bool failed = !backend.error.empty();
    row.css_class = failed ? "bad" : "";
    row.cells.push_back({.text = failed ? backend.error : "not compared", .columns = 7});
    return row;
  }
  if (!gate.accepted) row.css_class = "bad";
  row.cells.push_back({.text = gate.accepted ? "accepted" : "rejected", .css_class = gate.accepted ? "good" : ""});
  row.cells.push_back({.text = gate.oracle});
  row.cells.push_back({.text = format_count(gate.texts)});
  row.cells.push_back({.text = format_percent(gate.agreement)});
  row.cells.push_back({.text = format_difference(gate.max_abs_logit_diff)});
  row.cells.push_back({.text = format_difference(gate.max_relative_diff)});
  row.cells.push_back({.text = gate.verdict, .css_class = "wrap"});
  return row;
}

std::string gate_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const BackendResult& backend : results.backends) rows.push_back(gate_row(backend));
  if (rows.empty()) return "";
  return html_paragraph(
             "Every backend first answers the same texts; one whose answers differ is never recommended. Differences "
             "are "
             "of logits, relative ones to the largest logit.") +
         html_table("Answers compared",
                    {{"Backend"},
                     {"Gate"},
                     {"Compared with"},
                     {"Texts", true},
                     {"Same label", true},
                     {"Largest difference", true},
                     {"Relative", true},
                     {"Verdict"}},
                    rows);
}

std::string backend_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const BackendResult& backend : results.backends) {
    if (!backend.error.empty() && backend.version.empty()) continue;  // never loaded; the gate's table says why
    const Configuration is{.backend = backend.backend, .compute_type = backend.compute_type, .device = backend.device};
    rows.push_back({.cells = {{.text = engine_words(is)},
                              {.text = backend.version},
                              {.text = backend.padded ? "padded" : "packed"},
                              {.text = format_count(backend.threads)},
                              {.text = backend.load_ms > 0 ? format_number(backend.load_ms) : ""},
                              {.text = backend.peak_memory_bytes > 0 ? format_bytes(backend.peak_memory_bytes) : ""},
                              {.text = backend.settings, .css_class = "wrap"}}});
  }
  if (rows.empty()) return "";
  return html_table("Backends",
                    {{"Backend"},
                     {"Version"},
                     {"Batches"},
                     {"Threads", true},
                     {"Load, ms", true},
                     {"Peak memory", true},
                     {"Settings"}},
                    rows);
}

std::string workload_facts(const BenchResults& results) {
  const WorkloadSummary& is = results.workload;
  const CheckpointSummary& checkpoint = results.checkpoint;
  const bool known = is.texts > 0;
  return html_facts(
      {{"Texts", known ? fmt::format("{} of {} in {}, seed {}", format_count(is.texts),
                                     format_count(is.texts_available), is.source, is.seed)
                       : ""},
       {"Tokens per text",
        known ? fmt::format("mean {}, median {}, 95th percentile {}, {} to {}", format_number(is.mean_tokens),
                            format_number(is.median_tokens), format_number(is.p95_tokens), is.min_tokens, is.max_tokens)
              : ""},
       {"Cut to the model's limit", is.truncated_texts > 0 ? format_count(is.truncated_texts) + " texts" : ""},
       {"Rows skipped", is.rows_skipped > 0 ? format_count(is.rows_skipped) : ""},
       {"Tokenising", is.tokenize_ms_per_text > 0 ? format_number(is.tokenize_ms_per_text) + " ms per text" : ""},
       {"Checkpoint", checkpoint.model_dir},
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
  const Roof& roof = results.roof;
  const auto rate = [](double value, std::string_view unit) {
    return value > 0 ? fmt::format("{} {}", format_number(value), unit) : std::string();
  };
  const std::string loads =
      fmt::format("{:.2f} before, {:.2f} after; others used {} of the CPU time", results.load_before.load_average,
                  results.load_after.load_average, format_percent(results.load_after.other_share, 0));
  return html_facts({{"CPU", machine.cpu},
                     {"Cores", fmt::format("{} usable of {} logical, {} physical{}", topology.usable,
                                           topology.logical_cpus, topology.physical_cores,
                                           topology.cgroup_quota > 0 ? fmt::format("; the container allows {}",
                                                                                   format_number(topology.cgroup_quota))
                                                                     : "")},
                     {"Instruction set", machine.active_isa},
                     {"Memory", machine.memory_bytes > 0 ? format_bytes(machine.memory_bytes) : ""},
                     {"Kernel", machine.kernel},
                     {"Virtualisation", machine.virtualization},
                     {"Roof, fp32", rate(roof.fp32_gflops, "GFLOP/s measured")},
                     {"Roof, fp32, from the clock", rate(roof.theoretical_fp32_gflops, "GFLOP/s")},
                     {"Roof, bf16", rate(roof.bf16_gflops, "GFLOP/s measured")},
                     {"Roof, int8", rate(roof.int8_gops, "GOP/s measured")},
                     {"Memory bandwidth", rate(roof.memory_bandwidth_gbps, "GB/s reading")},
                     {"Clock", rate(roof.clock_ghz, "GHz")},
                     {"Load average", loads}});
}

std::string method(const BenchResults& results) {
  const int32_t threads = results.backends.empty() ? 0 : results.backends.front().threads;
  const std::string with_threads = threads > 0 ? fmt::format(", each with {} threads", threads) : "";
  return html_paragraph(fmt::format(
      "Texts are put into batches once for each batch size and order; a round times a systematic subset of those "
      "batches from a random start, the same for every backend, from token ids in memory to logits in memory. "
      "Each backend lives in a process of its own{}; one runs at a time, and the rounds of all are interleaved in "
      "random "
      "order. "
      "The best cells and the baseline are then measured again on batches that were not used for choosing: only such "
      "confirmed figures lead to a recommendation, the others are exploratory. "
      "Figures are medians over rounds with their 95 % intervals. Two configurations count as equal where the interval "
      "of their ratio contains 1 and reaches no further than a tenth; where it reaches further, the run cannot tell.",
      with_threads));
}

std::string usage(const BenchResults& results, const HtmlOptions& options) {
  std::string html;
  if (!options.plan_path.empty()) {
    html += html_paragraph("Classify the way that was recommended:");
    html += html_command(fmt::format("paceline classify {} --input texts.txt --output labels.tsv", options.plan_path));
  } else {
    html += html_paragraph("No plan.json was written, as this run recommends nothing.");
  }
  if (!results.command.empty()) {
    html += html_paragraph("Measure again:");
    html += html_command(results.command);
  }
  return html;
}

/// "2026-03-02T09:30:00Z" as "2026-03-02 09:30 UTC"; anything else as it is.
std::string when_words(const std::string& iso) {
  constexpr std::size_t kLength = std::string_view("2026-03-02T09:30:00Z").size();
  if (iso.size() != kLength || iso[10] != 'T' || iso.back() != 'Z') return iso;
  return fmt::format("{} {} UTC", iso.substr(0, 10), iso.substr(11, 5));
}

std::string page_header(const BenchResults& results) {
  std::vector<std::string> parts;
  const auto add = [&](std::string text) {
    if (!text.empty()) parts.push_back(std::move(text));
  };
  add(std::filesystem::path(results.checkpoint.model_dir).lexically_normal().filename().string());
  if (results.workload.texts > 0) add(format_count(results.workload.texts) + " texts");
  add(results.machine.cpu);
  add(when_words(results.started_at));
  return fmt::format("<header>\n<h1>Paceline report</h1>\n{}</header>\n",
                     html_paragraph(fmt::format("{}", fmt::join(parts, ", "))));
}

std::string page_footer(const BenchResults& results) {
  const std::string took = results.seconds > 0 ? " Measured in " + format_duration(results.seconds) + "." : "";
  return "<footer>\n" +
         html_paragraph(fmt::format("Paceline {}. {}.{} The same figures: report.json; every timing: samples.csv.",
                                    results.paceline_version, results.build_id, took)) +
         "</footer>\n";
}

/// Nothing may be loaded from anywhere, whatever text from outside found its way into the page.
constexpr std::string_view kHead =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<title>Paceline report</title>\n<style>\n";

}  // namespace

std::string report_html(const BenchResults& results, const HtmlOptions& options) {
  std::string html(kHead);
  html += kPageCss;
  html += "</style>\n</head>\n<body>\n<main>\n";
  html += page_header(results);
  html += hero(results);
  html += html_section("Speed", chart(speed_figure(results)) + speed_tables(results));
  html += html_section("Same answers?", gate_table(results));
  html += html_section("Texts and model", chart(length_figure(results)) + workload_facts(results));
  html += html_section("Machine", machine_facts(results));
  html += html_section("Backends", backend_table(results));
  html += html_section("Notes", html_list(results.notes));
  html += html_section("How it was measured", method(results));
  html += html_section("Use it", usage(results, options));
  html += page_footer(results);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace paceline
