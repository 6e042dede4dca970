#pragma once

#include "results/fields.h"

namespace paceline {

/// The fields of report.json, but for its list of configurations: report_json.cc and report_reader.cc visit each of
/// those with cell_fields().

/// More than a run could fill, and than a chart would show.
inline constexpr std::size_t kMostConfigurations = 20'000;

/// What is known of the backend, repeated in each of its configurations: a row says everything by itself.
void backend_in_cell(auto& visitor, const BackendResult* backend) {
  const GateResult* gate = backend != nullptr && backend->gate.ran ? &backend->gate : nullptr;
  visitor.repeated("agreement", gate != nullptr ? finite_or_null(gate->agreement) : OrderedJson());
  visitor.repeated("max_abs_logit_diff", gate != nullptr ? finite_or_null(gate->max_abs_logit_diff) : OrderedJson());
  visitor.repeated("accepted", gate != nullptr ? OrderedJson(gate->accepted) : OrderedJson());
  visitor.repeated("peak_memory_bytes", backend != nullptr ? OrderedJson(backend->peak_memory_bytes) : OrderedJson());
  visitor.repeated("load_ms", backend != nullptr ? finite_or_null(backend->load_ms) : OrderedJson());
  if (backend == nullptr || !backend->accuracy) return;
  visitor.repeated("accuracy", backend->accuracy->headline.value);
  if (backend->accuracy->difference) visitor.repeated("accuracy_difference", backend->accuracy->difference->value);
}

void cell_figures(auto& visitor, FieldsOf<CellResult> auto& is, const BackendResult* backend) {
  visitor.object("ms_per_text", [&](auto& estimate) {
    fields(estimate, is.ms_per_text);
    estimate.number("min", is.ms_per_text_min);
  });
  visitor.check(is.ms_per_text.median > 0, [] { return "neither ms_per_text nor an error, one of them was expected"; });
  visitor.check(has_interval(is.ms_per_text),
                [] { return "ms_per_text has no \"low\" and \"high\", its interval was expected"; });
  visitor.number("texts_per_second", is.texts_per_second);
  visitor.number("tokens_per_second", is.tokens_per_second);
  visitor.object("speedup", [&](auto& estimate) { fields(estimate, is.speedup); });
  bool latency = has_latency(is);
  visitor.object_or_null("latency_ms", latency, [&](auto& percentiles) {
    percentiles.number("p50", is.p50_ms);
    percentiles.number("p90", is.p90_ms);
    percentiles.number("p95", is.p95_ms);
    percentiles.number("p99", is.p99_ms);
  });
  visitor.number("roof_share", is.roof_share);
  backend_in_cell(visitor, backend);
}

/// `backend` ran it; null where that is not known, as it is to a reader.
template <class Visitor>
void cell_fields(Visitor& visitor, FieldsOf<CellResult> auto& is, const BackendResult* backend) {
  fields(visitor, is.configuration);
  visitor.repeated("backend_version", backend != nullptr ? text_or_null(backend->version) : OrderedJson());
  visitor.number("padding_ratio", is.padding_ratio);
  visitor.number("predicted_ms_per_text", is.predicted_ms_per_text);
  visitor.integer("rounds", is.rounds, {.required = true});
  visitor.flag("confirmed", is.confirmed, {.required = true});
  visitor.flag("partial", is.partial);
  std::string error = is.error;
  if (!Visitor::kReads && error.empty() && !was_measured(is)) error = "not measured";
  visitor.text("error", error, {.written = !error.empty()});
  if constexpr (Visitor::kReads) is.error = error;
  if (error.empty()) cell_figures(visitor, is, backend);
  visitor.columns("timings", is.timings);
}

/// How the run went.
void run_fields(auto& visitor, FieldsOf<BenchResults> auto& is) {
  visitor.repeated("schema_version", BenchResults::kSchemaVersion);
  visitor.text("paceline_version", is.paceline_version);
  visitor.text("build_id", is.build_id);
  visitor.text("command", is.command);
  visitor.text("started_at", is.started_at);
  visitor.number("seconds", is.seconds);
  visitor.number("predicted_seconds", is.predicted_seconds);
  visitor.word("protocol", is.protocol, {"budget", "article"});
  visitor.integer("continued", is.continued);
  visitor.flag("dry_run", is.dry_run);
  visitor.flag("interrupted", is.interrupted);
  visitor.flag("named_type_rejected", is.named_type_rejected);
}

template <class Visitor>
void recommendation_fields(Visitor& visitor, FieldsOf<BenchResults> auto& results) {
  auto& is = results.recommendation;
  visitor.flag("valid", is.valid);
  if constexpr (Visitor::kReads) {
    visitor.check(!is.valid || visitor.has("configuration"),
                  [] { return "it is valid, but \"configuration\" is missing"; });
  }
  if (is.valid) {
    visitor.object("configuration", [&](auto& choice) { fields(choice, is.choice); });
  } else {
    visitor.repeated("configuration", nullptr);
  }
  visitor.text("reason", is.reason);
  visitor.word("objective", is.objective, {"throughput", "latency"});
  optional_object(visitor, "runner_up", is.runner_up);
  visitor.object("lead", [&](auto& estimate) { fields(estimate, is.lead); });
  visitor.repeated("equal", is.outcome == Lead::kEqual);
  visitor.choice("outcome", is.outcome, kLeadNames);
  visitor.figure("cost_per_million", is.cost_per_million, is.cost_per_million > 0);
  visitor.rows("rejections", is.rejections, [](auto& row, auto& rejection) { fields(row, rejection); });
  visitor.object("constraints", [&](auto& constraints) { fields(constraints, results.constraints); });
}

/// What stands before the list of configurations.
void report_fields(auto& visitor, FieldsOf<BenchResults> auto& is) {
  run_fields(visitor, is);
  visitor.object("recommendation", [&](auto& inner) { recommendation_fields(inner, is); });
  optional_object(visitor, "baseline", is.baseline);
  bool timed = is.end_to_end.ms_per_text > 0;
  visitor.figure("end_to_end_ms_per_text", is.end_to_end.ms_per_text, timed);
  visitor.object_or_null("end_to_end", timed, [&](auto& inner) { fields(inner, is.end_to_end); });
  visitor.texts("notes", is.notes);
  visitor.object("checkpoint", [&](auto& inner) { fields(inner, is.checkpoint); });
  visitor.object("workload", [&](auto& inner) { fields(inner, is.workload); });
  object_if_any(visitor, "labelled", is.labelled);
  visitor.object("machine", [&](auto& inner) { machine_fields(inner, is); });
  visitor.rows("backends", is.backends, [](auto& row, auto& backend) { fields(row, backend); },
               {.most = kMostConfigurations});
}

/// What stands behind it.
void sweep_fields(auto& visitor, FieldsOf<BenchResults> auto& is) {
  visitor.rows("length_sweep", is.length_sweep, [](auto& row, auto& length) { fields(row, length); });
}

}  // namespace paceline
