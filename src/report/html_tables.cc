#include "report/html_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "report/findings.h"
#include "report/html_parts.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

std::string row_class(const BenchResults& results, const CellResult& cell) {
  if (!was_measured(cell) || was_rejected(results, cell)) return "bad";
  if (is_recommended(results, cell)) return "best";
  return "";
}

/// Of the backend, not of the batches: packed ones compute none.
double padding_share(const BenchResults& results, const CellResult& cell) {
  const BackendResult* backend = find_backend(results, cell.configuration);
  return backend != nullptr && !backend->padded ? 0 : cell.padding_ratio;
}

std::string padding_words(const BenchResults& results, const CellResult& cell) {
  const double share = padding_share(results, cell);
  return share > 0 ? format_percent(share) : "none";
}

std::string order_cell(const Configuration& is) { return is.order == Order::kLength ? "sorted" : "as given"; }

TableRow speed_row(const BenchResults& results, const CellResult& cell, double slowest) {
  const Configuration& is = cell.configuration;
  const bool measured = was_measured(cell);
  TableRow row{.cells = {{.text = backend_label(results, is)}}, .css_class = row_class(results, cell)};
  row.cells.push_back({.text = measured ? format_number(cell.ms_per_text.median) : "",
                       .css_class = "bar",
                       .bar = measured ? cell.ms_per_text.median / slowest : 0,
                       .value = cell.ms_per_text.median});
  row.cells.push_back({.text = batch_words(is), .value = is.batch_size > 0 ? is.batch_size : is.max_batch_tokens});
  row.cells.push_back({.text = order_cell(is)});
  if (!measured) {
    row.cells.push_back({.text = status_words(results, cell), .columns = 6});
    return row;
  }
  row.cells.push_back({.text = format_interval(cell.ms_per_text), .css_class = "soft", .value = cell.ms_per_text.low});
  row.cells.push_back({.text = format_number(cell.texts_per_second), .value = cell.texts_per_second});
  row.cells.push_back(
      {.text = has_median(cell.speedup) ? format_ratio(cell.speedup.median) : "", .value = cell.speedup.median});
  row.cells.push_back({.text = padding_words(results, cell), .value = padding_share(results, cell)});
  row.cells.push_back(
      {.text = cell.roof_share > 0 ? format_percent(cell.roof_share, 0) : "", .value = cell.roof_share});
  row.cells.push_back({.text = fmt::format("{}, {}", status_words(results, cell), counted(cell.rounds, "round")),
                       .css_class = cell.confirmed ? "" : "soft"});
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
                     {"Status"}},
                    rows);
}

TableRow gate_row(const BackendResult& backend) {
  TableRow row{.cells = {{.text = backend_words(backend)}}};
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
  row.cells.push_back({.text = format_count(gate.texts), .value = gate.texts});
  row.cells.push_back({.text = format_percent(gate.agreement), .value = gate.agreement});
  row.cells.push_back({.text = format_difference(gate.max_abs_logit_diff), .value = gate.max_abs_logit_diff});
  row.cells.push_back({.text = format_difference(gate.max_relative_diff), .value = gate.max_relative_diff});
  row.cells.push_back({.text = gate.verdict, .css_class = "wrap"});
  return row;
}

TableRow accuracy_row(const LabelledSummary& labelled, const BackendResult& backend) {
  const Metric metric = labelled.metric;
  const AccuracyResult& is = *backend.accuracy;
  TableRow row{.cells = {{.text = backend_words(backend)}}, .css_class = was_rejected(backend) ? "bad" : ""};
  const auto add = [&](const std::optional<Score>& score, const std::string& text) {
    row.cells.push_back({.text = score ? text : "", .value = score ? score->value : 0});
  };
  add(is.headline, metric_score(metric, is.headline));
  const std::optional<Score>& second = metric == Metric::kPearson ? is.spearman : is.macro_f1;
  add(second, second ? metric_score(Metric::kMicroF1, *second) : "");
  add(is.difference, is.difference ? metric_change(metric, *is.difference) : "");
  return row;
}

/// A file of the user's own is named by its backend and path.
std::string settings_words(const BackendResult& backend) {
  if (backend.file.empty()) return backend.settings;
  return fmt::format("{} runs {}; {}", backend.engine, backend.file, backend.settings);
}

}  // namespace

std::string speed_tables(const BenchResults& results) {
  const std::vector<const CellResult*> all = ranked_cells(results), best = best_cells(results);
  if (all.empty()) return "";
  std::string words = "The best of each backend and order, fastest first, confirmed before exploratory. ";
  if (results.baseline) {
    words += fmt::format(
        "Speed-up is against the baseline, {}. It is the median of the ratios within each round, so it can differ a "
        "little from the ratio of two medians here. ",
        configuration_words(*results.baseline));
  }
  words +=
      "Roof is the share of the machine's arithmetic peak. Exploratory figures were measured once, to choose. "
      "Confirmed ones were measured again on other batches.";
  const std::string every = speed_table(results, "Every configuration", all);
  if (best.empty()) return every;
  const std::string first = html_paragraph(words) + speed_table(results, "The best of each backend and order", best);
  if (best.size() == all.size()) return first;
  return first + html_details(fmt::format("All {} configurations", all.size()), every);
}

std::string accuracy_table(const BenchResults& results) {
  if (!results.labelled) return "";
  const LabelledSummary& is = *results.labelled;
  std::vector<TableRow> rows;
  for (const BackendResult& backend : results.backends) {
    if (backend.accuracy) rows.push_back(accuracy_row(is, backend));
  }
  if (rows.empty()) return "";
  const std::string metric(metric_words(is.metric));
  return html_paragraph(fmt::format(
             "Every backend answered the same {} of {}{}. The change is against {} (paired: a text "
             "that both have right or both have wrong says nothing of it). A compute type other than fp32 is judged by "
             "this change where the texts are enough to tell.",
             counted(is.texts, "labelled text"), is.source,
             is.labels_are_numbers ? ", whose labels are numbers, taken as the model numbers them" : "", is.oracle)) +
         html_table("Accuracy of each backend",
                    {{"Backend"},
                     {"Its " + metric, true},
                     {is.metric == Metric::kPearson ? "Spearman" : "Macro-F1", true},
                     {"Change", true}},
                    rows);
}

std::string gate_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const BackendResult& backend : results.backends) rows.push_back(gate_row(backend));
  if (rows.empty()) return "";
  return html_paragraph(
             "Every backend first answers the same texts. A backend whose answers differ is never recommended. "
             "The difference is the largest one between two logits. \"Relative\" divides it by the largest logit.") +
         html_table("Answers compared",
                    {{"Backend"},
                     {"Gate"},
                     {"Compared with"},
                     {"Texts", true},
                     {"Same label", true},
                     {"Difference", true},
                     {"Relative", true},
                     {"Verdict"}},
                    rows);
}

std::string backend_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const BackendResult& backend : results.backends) {
    if (!backend.error.empty() && backend.version.empty()) continue;  // never loaded; the gate's table says why
    rows.push_back(
        {.cells = {{.text = backend_words(backend)},
                   {.text = backend.version},
                   {.text = backend.padded ? "padded" : "packed"},
                   {.text = backend.instances > 1 ? fmt::format("{} x {}", backend.instances, backend.threads)
                                                  : format_count(backend.threads),
                    .value = backend.instances * backend.threads},
                   {.text = backend.load_ms > 0 ? format_number(backend.load_ms) : "", .value = backend.load_ms},
                   {.text = backend.peak_memory_bytes > 0 ? format_bytes(backend.peak_memory_bytes) : "",
                    .value = static_cast<double>(backend.peak_memory_bytes)},
                   {.text = settings_words(backend), .css_class = "wrap"}}});
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

std::string latency_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const CellResult& cell : results.cells) {
    if (!was_measured(cell) || !has_latency(cell)) continue;
    TableRow row{
        .cells = {{.text = backend_label(results, cell.configuration)}, {.text = order_cell(cell.configuration)}},
        .css_class = was_rejected(results, cell) ? "bad" : ""};
    for (const double ms : {cell.p50_ms, cell.p90_ms, cell.p95_ms, cell.p99_ms}) {
      row.cells.push_back({.text = format_number(ms), .value = ms});
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "";
  return html_details(
      "Latency of one text alone, in figures",
      html_table("Latency of one text alone, ms",
                 {{"Backend"}, {"Order"}, {"p50", true}, {"p90", true}, {"p95", true}, {"p99", true}}, rows));
}

std::string sweep_table(const BenchResults& results) {
  std::vector<TableRow> rows;
  for (const LengthResult& is : results.length_sweep) {
    rows.push_back(
        {.cells = {{.text = backend_label(results, is.configuration)},
                   {.text = batch_words(is.configuration), .value = is.configuration.batch_size},
                   {.text = format_count(is.tokens), .value = is.tokens},
                   {.text = format_number(is.ms_per_text.median), .value = is.ms_per_text.median},
                   {.text = format_interval(is.ms_per_text), .css_class = "soft", .value = is.ms_per_text.low},
                   {.text = format_number(is.tokens_per_second), .value = is.tokens_per_second},
                   {.text = is.roof_share > 0 ? format_percent(is.roof_share, 0) : "", .value = is.roof_share}}});
  }
  if (rows.empty()) return "";
  return html_details("Time per text over its length, in figures", html_table("Time per text over its length",
                                                                              {{"Backend"},
                                                                               {"Batch", true},
                                                                               {"Tokens", true},
                                                                               {"ms per text", true},
                                                                               {"95 % interval", true},
                                                                               {"tokens/s", true},
                                                                               {"Roof", true}},
                                                                              rows));
}

}  // namespace paceline
