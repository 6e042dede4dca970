#pragma once

#include "base/json_fields.h"
#include "base/long_mode_names.h"
#include "base/token_types_name.h"
#include "batch/order_names.h"
#include "plan/plan.h"

namespace paceline {

/// The fields of plan.json (base/json_fields.h says how). What is only needed by some plans is left out of the others,
/// so that they stay short.

/// Far beyond any machine, and finite: rates and times are only shown.
inline constexpr double kMostRate = 1e12;
inline constexpr int64_t kMostPlanThreads = 1024;

void fields(auto& visitor, FieldsOf<CheckpointOptions> auto& is) {
  visitor.path("weights", is.file, {.written = !is.file.empty()});
  visitor.text("prefix", is.prefix, {.written = !is.prefix.empty()});
  visitor.path("base", is.base, {.written = !is.base.empty()});
  visitor.choice("token_types", is.token_types, kTokenTypeNames, {.written = is.token_types != TokenTypes::kAsSaved});
}

/// Whether the values fit is seen with the checkpoint (resolve_labels).
template <class Visitor>
void fields(Visitor& visitor, FieldsOf<LabelOptions> auto& is) {
  double threshold = is.threshold.value_or(0);
  visitor.number("threshold", threshold, {.high = 1, .finite = true, .written = is.threshold.has_value()});
  if constexpr (Visitor::kReads) {
    if (visitor.has("threshold")) is.threshold = static_cast<float>(threshold);
  }
  visitor.numbers_by_name("label_thresholds", is.label_thresholds, {.written = !is.label_thresholds.empty()});
  visitor.numbers_by_name("class_weights", is.class_weights, {.written = !is.class_weights.empty()});
}

/// Of windows all is said; none of it where nobody asked for anything.
template <class Visitor>
void long_texts_fields(Visitor& visitor, auto& long_texts) {
  LongTextOptions is = long_texts.value_or(LongTextOptions{});
  const bool windows = long_texts && is.mode == LongTextOptions::Mode::kWindow;
  visitor.choice("long", is.mode, kLongModeNames, {.written = long_texts.has_value()});
  visitor.integer("stride", is.stride, {.written = windows});
  visitor.choice("combine", is.combine, kCombineNames, {.written = windows});
  visitor.choice("combine_over", is.over_logits, kCombineOverNames, {.written = windows});
  if constexpr (Visitor::kReads) {
    if (visitor.has("long")) long_texts = is;
  }
}

/// The limits, but for what an engine pads.
void fields(auto& visitor, FieldsOf<BatchLimits> auto& is) {
  visitor.choice("order", is.order, kOrderNames, {.required = true});
  visitor.integer("window", is.chunk, {.required = true});
  visitor.integer("batch_size", is.batch_size, {.required = true});
  visitor.integer("max_batch_tokens", is.max_batch_tokens, {.required = true});
  visitor.check(is.batch_size > 0 || is.max_batch_tokens > 0,
                [] { return "batch_size and max_batch_tokens are both 0, one of them has to limit a batch"; });
}

/// How the model is run.
void run_fields(auto& visitor, FieldsOf<Plan> auto& is) {
  auto& backend = is.run.backend;
  visitor.name("backend", backend.name);
  visitor.text("backend_version", is.backend_version);
  visitor.name("compute_type", backend.compute_type);
  visitor.text("device", backend.device);
  visitor.path("file", backend.file, {.written = !backend.file.empty()});
  visitor.text("file_hash", is.file_hash, {.required = !backend.file.empty(), .written = !backend.file.empty()});
  visitor.integer("threads", backend.threads, {.high = kMostPlanThreads, .required = true});
  visitor.integer("instances", is.run.instances, {.low = 1, .high = kMostPlanThreads});
  fields(visitor, is.run.limits);
}

/// What bench measured.
void evidence_fields(auto& visitor, FieldsOf<Plan> auto& is) {
  visitor.text("cpu", is.cpu);
  visitor.text("objective", is.objective);
  visitor.object("texts_per_second", [&](auto& rate) {
    rate.number("median", is.texts_per_second, {.high = kMostRate, .required = true, .finite = true});
    rate.number("low", is.texts_per_second_low, {.high = kMostRate, .required = true, .finite = true});
    rate.number("high", is.texts_per_second_high, {.high = kMostRate, .required = true, .finite = true});
  });
  visitor.figure("ms_per_text", is.ms_per_text, true, {.high = kMostRate});
  visitor.text("outcome", is.outcome);
  visitor.text("reason", is.reason);
}

/// All but the schema's version and Paceline's.
void fields(auto& visitor, FieldsOf<Plan> auto& is) {
  visitor.path("model_dir", is.model_dir, {.required = true});
  visitor.name("checkpoint_hash", is.checkpoint_hash);
  fields(visitor, is.run.checkpoint_options);
  visitor.flag("random_weights", is.random_weights);
  visitor.texts("labels", is.labels, {.written = !is.labels.empty()});
  visitor.text("problem_type", is.problem_type, {.written = !is.labels.empty()});
  fields(visitor, is.label_options);
  long_texts_fields(visitor, is.run.long_texts);
  run_fields(visitor, is);
  evidence_fields(visitor, is);
}

}  // namespace paceline
