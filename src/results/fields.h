#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "base/json_fields.h"
#include "base/long_mode_names.h"
#include "base/token_types_name.h"
#include "batch/order_names.h"
#include "results/describe.h"
#include "results/lookup.h"
#include "results/results.h"

namespace paceline {

/// The fields of the results' structs, as report.json, profile.json and rounds.jsonl have them (base/json_fields.h says
/// how). The order is the file's.

inline constexpr int64_t kMostThreads = 1 << 16;

inline constexpr EnumNames<Objective, 2> kObjectiveNames = {
    {{Objective::kThroughput, "throughput"}, {Objective::kLatency, "latency"}}};
inline constexpr EnumNames<Lead, 3> kLeadNames = {
    {{Lead::kFaster, "faster"}, {Lead::kEqual, "equal"}, {Lead::kUnresolved, "unresolved"}}};

inline constexpr EnumNames<GateBasis, 2> kGateBasisNames = {
    {{GateBasis::kAnswers, "answers"}, {GateBasis::kAccuracy, "accuracy"}}};
inline constexpr EnumNames<Metric, 3> kMetricNames = {
    {{Metric::kAccuracy, "accuracy"}, {Metric::kMicroF1, "micro_f1"}, {Metric::kPearson, "pearson"}}};

/// An object that is left out where the value is empty.
template <class Visitor>
void object_if_any(Visitor& visitor, std::string_view key, auto& value) {
  if constexpr (Visitor::kReads) {
    if (visitor.has(key)) value.emplace();
  }
  if (value) visitor.object(key, [&](auto& inner) { fields(inner, *value); });
}

/// An object that is null where the value is empty.
template <class Visitor>
void optional_object(Visitor& visitor, std::string_view key, auto& value) {
  bool there = value.has_value();
  visitor.object_or_null(key, there, [&](auto& inner) {
    if constexpr (Visitor::kReads) value.emplace();
    fields(inner, *value);
  });
}

/// What was not estimated is null, so that nobody takes 0 for a bound.
void fields(auto& visitor, FieldsOf<Estimate> auto& is) {
  const bool interval = has_interval(is);
  visitor.figure("median", is.median, has_median(is));
  visitor.figure("low", is.low, interval);
  visitor.figure("high", is.high, interval);
  visitor.check(!(is.low > is.high),
                [&] { return fmt::format("low is {}, high is {}: the interval is reversed", is.low, is.high); });
  visitor.check((is.low == 0 && is.high == 0) || (is.low > 0 && is.low <= is.median && is.median <= is.high), [&] {
    return fmt::format("median is {}, low is {}, high is {}: the interval does not hold the median, above 0", is.median,
                       is.low, is.high);
  });
}

void configuration_fields(auto& visitor, FieldsOf<Configuration> auto& is, bool with_order) {
  visitor.name("backend", is.backend);
  visitor.name("compute_type", is.compute_type);
  visitor.name("device", is.device);
  visitor.integer("batch_size", is.batch_size, {.written = is.batch_size > 0});
  visitor.integer("max_batch_tokens", is.max_batch_tokens, {.written = is.max_batch_tokens > 0});
  visitor.choice("order", is.order, kOrderNames, {.written = with_order});
  visitor.integer("threads", is.threads, {.low = 1, .high = kMostThreads});
  visitor.integer("instances", is.instances, {.low = 1, .high = kMostThreads});
  visitor.check((is.batch_size > 0) != (is.max_batch_tokens > 0),
                [] { return "one of batch_size and max_batch_tokens was expected, above 0"; });
}

void fields(auto& visitor, FieldsOf<Configuration> auto& is) { configuration_fields(visitor, is, true); }

/// What a turn can be at least, by the clock and by the smallest share of a sample, and a turn of hours at most.
inline constexpr double kFewestSeconds = 1e-9;
inline constexpr double kLeastShare = 1e-9;
inline constexpr int64_t kMostRounds = 1'000'000;
inline constexpr int64_t kMostTokens = int64_t{1} << 50;
inline constexpr double kShareMargin = 1e-9;  ///< what a share differs by where its sums were taken in another order
inline constexpr double kMostShare = 1 + kShareMargin;
inline constexpr double kMostSeconds = 1e9;

/// A turn of which nothing is missing: a measurement goes on from it.
void turn_fields(auto& visitor, FieldsOf<Timing> auto& is) {
  visitor.integer("round", is.round, {.high = kMostRounds, .required = true});
  visitor.flag("confirmation", is.confirmation, {.required = true});
  visitor.integer("batches", is.batches, {.low = 1, .required = true});
  visitor.integer("tokens", is.tokens, {.low = 1, .high = kMostTokens, .required = true});
  visitor.number("share", is.share, {.low = kLeastShare, .high = kMostShare, .required = true, .finite = true});
  visitor.number("seconds", is.seconds,
                 {.low = kFewestSeconds, .high = kMostSeconds, .required = true, .finite = true});
}

void fields(auto& visitor, FieldsOf<Timing> auto& is) {
  visitor.integer("round", is.round, {.required = true});
  visitor.flag("confirmation", is.confirmation, {.required = true});
  visitor.integer("batches", is.batches, {.required = true});
  visitor.integer("tokens", is.tokens, {.required = true});
  visitor.number("share", is.share, {.required = true});
  visitor.number("seconds", is.seconds, {.required = true});
}

/// Every figure of labelled texts lies between these: shares, correlations and differences of two of them.
inline constexpr double kMostScore = 2;

void fields(auto& visitor, FieldsOf<Score> auto& is) {
  const NumberRule rule{.low = -kMostScore, .high = kMostScore, .required = true, .finite = true};
  visitor.number("value", is.value, rule);
  visitor.number("low", is.low, rule);
  visitor.number("high", is.high, rule);
  visitor.check(is.low <= is.value && is.value <= is.high, [&] {
    return fmt::format("value is {}, low is {}, high is {}: the interval does not hold the value", is.value, is.low,
                       is.high);
  });
}

void fields(auto& visitor, FieldsOf<AccuracyResult> auto& is) {
  fields(visitor, is.headline);
  object_if_any(visitor, "macro_f1", is.macro_f1);
  object_if_any(visitor, "spearman", is.spearman);
  object_if_any(visitor, "difference", is.difference);
}

void fields(auto& visitor, FieldsOf<LabelledSummary> auto& is) {
  visitor.text("source", is.source);
  visitor.text("label_column", is.label_column);
  visitor.choice("metric", is.metric, kMetricNames, {.required = true});
  visitor.text("oracle", is.oracle);
  visitor.flag("labels_are_numbers", is.labels_are_numbers);
  visitor.integer("texts", is.texts, {.required = true});
  visitor.integer("texts_available", is.texts_available);
  visitor.integer("rows_skipped", is.rows_skipped);
}

void fields(auto& visitor, FieldsOf<GateResult> auto& is) {
  visitor.flag("accepted", is.accepted);
  visitor.text("oracle", is.oracle);
  visitor.integer("texts", is.texts);
  visitor.number("max_abs_logit_diff", is.max_abs_logit_diff);
  visitor.number("mean_abs_logit_diff", is.mean_abs_logit_diff);
  visitor.number("max_relative_diff", is.max_relative_diff);
  visitor.number("agreement", is.agreement);
  visitor.choice("judged_by", is.basis, kGateBasisNames, {.written = is.basis != GateBasis::kAnswers});
  visitor.text("verdict", is.verdict);
}

void fields(auto& visitor, FieldsOf<BackendResult> auto& is) {
  visitor.name("backend", is.backend);
  visitor.name("compute_type", is.compute_type);
  visitor.name("device", is.device);
  visitor.text("engine", is.engine, {.null_if_empty = true});
  visitor.text("file", is.file, {.null_if_empty = true});
  visitor.text("error", is.error, {.written = !is.error.empty()});
  visitor.text("version", is.version);
  visitor.text("settings", is.settings);
  visitor.text("dtype", is.dtype);
  visitor.flag("padded", is.padded);
  visitor.integer("threads", is.threads, {.low = 1, .high = kMostThreads});
  visitor.integer("instances", is.instances, {.low = 1, .high = kMostThreads});
  visitor.number("load_ms", is.load_ms);
  visitor.integer("peak_memory_bytes", is.peak_memory_bytes);
  visitor.object_or_null("gate", is.gate.ran, [&](auto& gate) { fields(gate, is.gate); });
  object_if_any(visitor, "accuracy", is.accuracy);
}

void fields(auto& visitor, FieldsOf<LengthResult> auto& is) {
  configuration_fields(visitor, is.configuration, false);
  visitor.integer("tokens", is.tokens, {.low = 1});
  visitor.integer("rounds", is.rounds);
  visitor.object("ms_per_text", [&](auto& estimate) { fields(estimate, is.ms_per_text); });
  visitor.number("tokens_per_second", is.tokens_per_second);
  visitor.number("roof_share", is.roof_share);
}

void fields(auto& visitor, FieldsOf<EndToEnd> auto& is) {
  visitor.number("ms_per_text", is.ms_per_text);
  visitor.integer("texts", is.texts);
}

void fields(auto& visitor, FieldsOf<MachineLoad> auto& is) {
  visitor.number("load_average", is.load_average);
  visitor.number("other_share", is.other_share);
}

template <class Visitor>
void fields(Visitor& visitor, FieldsOf<Constraints> auto& is) {
  if constexpr (Visitor::kReads) is.min_agreement = 0;
  visitor.choice("objective", is.objective, kObjectiveNames);
  visitor.number("max_latency_ms", is.max_latency_ms);
  visitor.integer("max_memory_bytes", is.max_memory_bytes);
  visitor.number("min_agreement", is.min_agreement);
  visitor.number("min_accuracy", is.min_accuracy, {.high = 1, .written = is.min_accuracy > 0});
  double loss = is.max_accuracy_loss.value_or(0);
  visitor.number("max_accuracy_loss", loss, {.high = 1, .written = is.max_accuracy_loss.has_value()});
  if constexpr (Visitor::kReads) {
    if (visitor.has("max_accuracy_loss")) is.max_accuracy_loss = loss;
  }
  visitor.number("price_per_hour", is.price_per_hour);
}

void fields(auto& visitor, FieldsOf<Rejection> auto& is) {
  visitor.text("what", is.what);
  visitor.text("why", is.why);
}

/// Paths are texts here: bytes that are not UTF-8 are for people to see, not for programs to open.
template <class Visitor>
void path_field(Visitor& visitor, std::string_view key, auto& path) {
  std::string text = path.string();
  visitor.text(key, text, {.written = !text.empty()});
  if constexpr (Visitor::kReads) path = text;
}

template <class Visitor>
void fields(Visitor& visitor, FieldsOf<CheckpointSummary> auto& is) {
  visitor.text("model_dir", is.model_dir);
  path_field(visitor, "weights", is.options.file);
  visitor.text("prefix", is.options.prefix, {.written = !is.options.prefix.empty()});
  path_field(visitor, "base", is.options.base);
  visitor.choice("token_types", is.options.token_types, kTokenTypeNames,
                 {.written = is.options.token_types != TokenTypes::kAsSaved});
  visitor.text("hash", is.hash);
  visitor.text("architecture", is.architecture);
  visitor.text("dtype", is.dtype);
  visitor.integer("parameters", is.parameters);
  visitor.flag("random_weights", is.random_weights);
  visitor.texts("labels", is.labels);
  visitor.number("mflops_per_token", is.mflops_per_token);
}

/// How long texts were read; reports made before there was a choice say nothing.
template <class Visitor>
void long_texts_fields(Visitor& visitor, FieldsOf<WorkloadSummary> auto& is) {
  LongTextOptions options = is.long_texts.value_or(LongTextOptions{});
  visitor.choice("long", options.mode, kLongModeNames, {.written = is.long_texts.has_value()});
  visitor.integer("stride", options.stride, {.written = is.in_windows()});
  if constexpr (Visitor::kReads) {
    if (visitor.has("long")) is.long_texts = options;
  }
}

template <class Visitor>
void fields(Visitor& visitor, FieldsOf<WorkloadSummary> auto& is) {
  visitor.text("source", is.source);
  visitor.integer("texts", is.texts);
  if constexpr (Visitor::kReads) is.sequences = is.texts;  // of reports that know no windows
  visitor.integer("sequences", is.sequences);
  long_texts_fields(visitor, is);
  visitor.integer("texts_available", is.texts_available);
  visitor.integer("rows_skipped", is.rows_skipped);
  visitor.integer("seed", is.seed);
  visitor.number("mean_tokens", is.mean_tokens);
  visitor.number("median_tokens", is.median_tokens);
  visitor.number("p95_tokens", is.p95_tokens);
  visitor.integer("min_tokens", is.min_tokens);
  visitor.integer("max_tokens", is.max_tokens);
  visitor.integer("truncated_texts", is.truncated_texts);
  visitor.number("tokenize_ms_per_text", is.tokenize_ms_per_text);
  visitor.object("token_histogram", [&](auto& histogram) {
    histogram.integer("width", is.histogram_width, {.low = 1});
    histogram.numbers("counts", is.token_histogram);
  });
}

/// Threads of the run: of its first backend or profile, else those worth starting.
inline int32_t threads_of(const BenchResults& results) {
  if (!results.profiles.empty()) return results.profiles.front().configuration.threads;
  return results.backends.empty() ? results.machine.topology.usable : results.backends.front().threads;
}

/// What arithmetic can reach stands in an object of its own.
template <class Visitor>
void fields(Visitor& visitor, FieldsOf<Roof> auto& roof) {
  visitor.object("roof_gflops", [&](auto& peaks) {
    for (const RoofFigure& figure : kRoofFigures) {
      if (figure.of_compute_type) peaks.number(figure.key, roof.*figure.value);
    }
  });
  for (const RoofFigure& figure : kRoofFigures) {
    if (!figure.of_compute_type) visitor.number(figure.key, roof.*figure.value);
  }
}

/// What the machine is, its roof and its load.
template <class Visitor>
void machine_fields(Visitor& visitor, FieldsOf<BenchResults> auto& results) {
  auto& machine = results.machine;
  auto& topology = machine.topology;
  if constexpr (Visitor::kReads) topology.logical_cpus = topology.physical_cores = topology.usable = 0;
  visitor.text("cpu", machine.cpu);
  visitor.text("isa", machine.active_isa);
  visitor.texts("isa_levels", machine.isa_levels);
  visitor.texts("cpu_flags", machine.cpu_flags);
  visitor.repeated("threads", threads_of(results));
  visitor.integer("logical_cpus", topology.logical_cpus);
  visitor.integer("physical_cores", topology.physical_cores);
  visitor.integer("usable_cpus", topology.usable);
  visitor.numbers("affinity", topology.affinity);
  visitor.number("cgroup_quota", topology.cgroup_quota);
  visitor.integer("l2_bytes", topology.l2_bytes);
  visitor.integer("l3_bytes", topology.l3_bytes);
  visitor.integer("memory_bytes", machine.memory_bytes);
  visitor.text("kernel", machine.kernel);
  visitor.text("virtualization", machine.virtualization, {.null_if_empty = true});
  fields(visitor, results.roof);
  visitor.object("load_before", [&](auto& load) { fields(load, results.load_before); });
  visitor.object("load_after", [&](auto& load) { fields(load, results.load_after); });
}

}  // namespace paceline
