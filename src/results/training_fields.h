#pragma once

#include "base/json_fields.h"
#include "results/training.h"

namespace paceline {

/// The parts of a training as JSON: what a checkpoint is read from, and training.json shows.

void fields(auto& visitor, FieldsOf<TrainingRecipe> auto& is) {
  visitor.number("epochs", is.epochs);
  visitor.integer("steps", is.steps);
  visitor.integer("batch_size", is.batch_size);
  visitor.integer("accumulate", is.accumulate);
  visitor.number("learning_rate", is.learning_rate);
  visitor.number("warmup", is.warmup);
  visitor.number("weight_decay", is.weight_decay);
  visitor.number("max_gradient_norm", is.max_gradient_norm);
  visitor.text("compute_type", is.compute_type);
  visitor.integer("seed", is.seed);
  visitor.integer("threads", is.threads);
  visitor.choice("batching", is.batching, kBatchingNames);
  visitor.text("class_weights", is.class_weights, {.null_if_empty = true});
  visitor.text("freeze", is.freeze, {.null_if_empty = true});
  visitor.integer("max_length", is.max_length);
  visitor.text("problem_type", is.problem_type, {.null_if_empty = true});
  visitor.flag("new_head", is.new_head);
  visitor.integer("patience", is.patience);
  visitor.integer("eval_every", is.eval_every);
  visitor.text("metric", is.metric, {.null_if_empty = true});
  visitor.number("teacher_share", is.teacher_share);
  visitor.number("temperature", is.temperature);
  visitor.number("hidden_weight", is.hidden_weight);
}

void fields(auto& visitor, FieldsOf<LossPoint> auto& is) {
  visitor.integer("update", is.update, {.required = true});
  visitor.number("loss", is.loss, {.low = -1e300, .required = true, .finite = true});
  visitor.number("learning_rate", is.learning_rate, {.required = true, .finite = true});
  visitor.number("gradient_norm", is.gradient_norm, {.required = true, .finite = true});
}

void fields(auto& visitor, FieldsOf<EvaluationPoint> auto& is) {
  constexpr NumberRule kAny{.low = -1e300, .required = true, .finite = true};
  visitor.integer("update", is.update, {.required = true});
  visitor.number("epoch", is.epoch, kAny);
  visitor.number("loss", is.loss, kAny);
  visitor.number("metric", is.metric, kAny);
  visitor.number("low", is.low, kAny);
  visitor.number("high", is.high, kAny);
}

void fields(auto& visitor, FieldsOf<TrainingHistory> auto& is) {
  visitor.columns("losses", is.losses);
  visitor.columns("evaluations", is.evaluations);
  visitor.integer("best_update", is.best_update, {.required = true});
  visitor.integer("without_gain", is.without_gain, {.required = true});
  visitor.number("seconds", is.seconds, {.high = 1e15, .required = true, .finite = true});
  visitor.integer("texts", is.texts, {.required = true});
}

}  // namespace paceline
