#include "train/train_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "paceline/error.h"
#include "train/targets.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Points of the loss that a whole training keeps: as many as a chart can show.
constexpr int64_t kLossPoints = 400;

BatchSampler make_sampler(const TrainLoopParts& parts) {
  const TrainingRecipe& recipe = parts.recipe;
  if (recipe.batching == Batching::kLengthGrouped) {
    return {parts.texts.lengths(), recipe.batch_size, recipe.seed};
  }
  return {parts.texts.texts(), recipe.batch_size, recipe.seed};
}

}  // namespace

TrainingLength::TrainingLength(int64_t texts, const TrainingRecipe& recipe)
    : batches_per_epoch((texts + recipe.batch_size - 1) / recipe.batch_size),
      updates_per_epoch((batches_per_epoch + recipe.accumulate - 1) / recipe.accumulate),
      updates(recipe.steps > 0
                  ? recipe.steps
                  : static_cast<int64_t>(std::ceil(recipe.epochs * static_cast<double>(updates_per_epoch)))) {}

TrainLoop::TrainLoop(const TrainLoopParts& parts, Trainer& trainer, TrainingProgress progress)
    : parts_(parts),
      trainer_(trainer),
      progress_(std::move(progress)),
      length_(parts.texts.texts(), parts.recipe),
      rate_(parts.recipe.learning_rate, length_.updates, parts.recipe.warmup),
      sampler_(make_sampler(parts)) {}

std::optional<TrainingEnd> TrainLoop::run(const FinetuneListener& listener, const std::stop_token& stop) {
  const TrainingHistory begun = progress_.history;
  const int64_t first = progress_.updates;
  const int32_t patience = parts_.recipe.patience;
  const auto shown = listener.progress("updates");
  saved_at_ = monotonic_seconds();
  saved_updates_ = first;
  while (true) {
    if (is_to_evaluate()) {
      shown->finish();
      if (!evaluate(listener, stop)) break;
    }
    if (patience > 0 && progress_.history.without_gain >= patience) return TrainingEnd::kPatience;
    if (progress_.updates >= length_.updates) return TrainingEnd::kAllUpdates;
    if (!make_update(stop)) break;
    shown->update(static_cast<double>(progress_.updates - first), static_cast<double>(length_.updates - first),
                  note(begun));
    if (!is_to_evaluate() && monotonic_seconds() - saved_at_ > parts_.seconds_between_checkpoints) save();
  }
  shown->finish();
  if (progress_.updates != saved_updates_) save();
  return std::nullopt;
}

/// False where it was stopped before the weights moved.
bool TrainLoop::make_update(const std::stop_token& stop) {
  const double start = monotonic_seconds();
  const int64_t epoch = progress_.updates / length_.updates_per_epoch;
  const int64_t first = progress_.updates % length_.updates_per_epoch * parts_.recipe.accumulate;
  const int64_t end = std::min(first + parts_.recipe.accumulate, length_.batches_per_epoch);
  double weights = 0;
  for (int64_t i = first; i < end; ++i) weights += weight_of(sampler_.batch(epoch, i));
  double loss = 0;
  int64_t texts = 0;
  for (int64_t i = first; i < end; ++i) {
    if (stop.stop_requested()) return false;
    const auto batch = sampler_.batch(epoch, i);
    loss += make_pass(batch, 1 / weights) / weights;
    texts += static_cast<int64_t>(batch.size());
  }
  if (!std::isfinite(loss)) fail("loss", loss);
  const double rate = rate_.at(progress_.updates);
  const double norm = trainer_.update(rate, parts_.recipe.max_gradient_norm);
  if (!std::isfinite(norm)) fail("norm of the gradient", norm);
  ++progress_.updates;
  progress_.history.seconds += monotonic_seconds() - start;
  progress_.history.texts += texts;
  note_loss(loss, norm, rate);
  return true;
}

double TrainLoop::make_pass(std::span<const uint32_t> texts, double scale) {
  clear(batch_.sequences);
  batch_.teacher_types.clear();
  batch_.targets.clear();
  batch_.weights.clear();
  for (const uint32_t text : texts) {
    const Expected expected = parts_.texts.append(text, batch_.sequences, batch_.teacher_types);
    batch_.weights.push_back(label_weight(expected));
    append_targets(expected, parts_.scheme, batch_.targets);
  }
  return trainer_.accumulate(batch_, scale);
}

double TrainLoop::weight_of(std::span<const uint32_t> texts) const {
  if (parts_.label_weights.empty()) return static_cast<double>(texts.size());
  double sum = 0;
  for (const uint32_t text : texts) sum += static_cast<double>(label_weight(parts_.texts.expected(text)));
  return sum;
}

float TrainLoop::label_weight(const Expected& expected) const {
  if (parts_.label_weights.empty()) return 1;
  return parts_.label_weights[static_cast<std::size_t>(expected.labels.front())];
}

void TrainLoop::note_loss(double loss, double norm, double rate) {
  LossPoint& open = progress_.open;
  open.update = progress_.updates;
  open.loss += loss;
  open.gradient_norm += norm;
  open.learning_rate = rate;
  ++progress_.open_updates;
  if (progress_.open_updates >= std::max<int64_t>(length_.updates / kLossPoints, 1)) close_loss_point();
}

void TrainLoop::close_loss_point() {
  if (progress_.open_updates == 0) return;
  const auto count = static_cast<double>(std::exchange(progress_.open_updates, 0));
  LossPoint point = std::exchange(progress_.open, LossPoint{});
  point.loss /= count;
  point.gradient_norm /= count;
  progress_.history.losses.push_back(point);
}

/// Whether an evaluation of these weights is due: also where a run before was stopped in the middle of it.
bool TrainLoop::is_to_evaluate() const {
  const std::vector<EvaluationPoint>& made = progress_.history.evaluations;
  if (progress_.updates == 0 || (!made.empty() && made.back().update == progress_.updates)) return false;
  const int64_t every = parts_.recipe.eval_every > 0 ? parts_.recipe.eval_every : length_.updates_per_epoch;
  return progress_.updates % every == 0 || progress_.updates == length_.updates;
}

/// False where it was stopped meanwhile.
bool TrainLoop::evaluate(const FinetuneListener& listener, const std::stop_token& stop) {
  std::optional<EvaluationPoint> point = parts_.evaluation.evaluate(trainer_, stop);
  if (!point) return false;
  if (!std::isfinite(point->loss)) fail("loss of the eval file", point->loss);
  close_loss_point();
  TrainingHistory& history = progress_.history;
  point->update = progress_.updates;
  point->epoch = static_cast<double>(progress_.updates) / static_cast<double>(length_.updates_per_epoch);
  const auto best = std::ranges::find(history.evaluations, history.best_update, &EvaluationPoint::update);
  const bool gained = best == history.evaluations.end() || parts_.metric.better(point->metric, best->metric);
  history.without_gain = gained ? 0 : history.without_gain + 1;
  if (gained) history.best_update = point->update;
  listener.notice(fmt::format("update {} (epoch {}): {} {} on the eval file, loss {}{}.", point->update,
                              format_decimals(point->epoch, 2), parts_.metric.name, format_number(point->metric, 4),
                              format_number(point->loss), gained ? ": the best so far" : ""));
  history.evaluations.push_back(*point);
  save();
  return true;
}

void TrainLoop::save() {
  parts_.checkpoints.save(trainer_, progress_);
  saved_updates_ = progress_.updates;
  saved_at_ = monotonic_seconds();
}

void TrainLoop::fail(std::string_view what, double value) {
  const int64_t made = progress_.updates;
  if (made != saved_updates_) save();
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[finetune] the {} is {} in update {}, expected a finite number. {}. Try --restart with a "
                          "--learning-rate below {}.",
                          what, value, made + 1,
                          made > 0 ? fmt::format("The checkpoint of update {} stays in {}", made,
                                                 parts_.checkpoints.newest().string())
                                   : "No weight was changed",
                          parts_.recipe.learning_rate));
}

/// `begun`: what was there before this run.
std::string TrainLoop::note(const TrainingHistory& begun) const {
  const TrainingHistory& is = progress_.history;
  const auto open = static_cast<double>(progress_.open_updates);
  const double loss = progress_.open_updates > 0 ? progress_.open.loss / open : is.losses.back().loss;
  const double rate = static_cast<double>(is.texts - begun.texts) / std::max(is.seconds - begun.seconds, 1e-9);
  return fmt::format("loss {}, {} texts/s", format_number(loss), format_number(rate));
}

}  // namespace paceline
