#include "train/train_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "paceline/error.h"
#include "train/targets.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// Points of the loss that a whole training keeps: as many as a chart can show.
constexpr int64_t kLossPoints = 400;

/// Of fp32, as a Trainer gives it.
bool is_finite(const TensorView& tensor) {
  constexpr uint32_t kExponent = 0x7F800000;
  constexpr std::size_t kBlock = 4096;
  std::vector<uint32_t> words(kBlock);
  for (std::size_t first = 0; first < tensor.bytes.size(); first += kBlock * sizeof(uint32_t)) {
    const auto bytes = tensor.bytes.subspan(first, std::min(kBlock * sizeof(uint32_t), tensor.bytes.size() - first));
    std::memcpy(words.data(), bytes.data(), bytes.size());
    uint32_t bad = 0;
    for (const uint32_t word : std::span(words).first(bytes.size() / sizeof(uint32_t))) {
      bad |= static_cast<uint32_t>((word & kExponent) == kExponent);
    }
    if (bad != 0) return false;
  }
  return true;
}

/// A NaN has a sign that says nothing.
std::string no_number(double value) { return std::isnan(value) ? "NaN" : fmt::format("{}", value); }

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
  if (progress_.updates != saved_updates_) save_at_stop(listener);
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
  if (!std::isfinite(loss)) fail(fmt::format("the loss is {} in update {}", no_number(loss), progress_.updates + 1));
  const double rate = rate_.at(progress_.updates);
  const double norm = trainer_.update(rate, parts_.recipe.max_gradient_norm);
  if (!std::isfinite(norm)) {
    fail(fmt::format("the norm of the gradient is {} in update {}", no_number(norm), progress_.updates + 1));
  }
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
  if (!std::isfinite(point->loss)) {
    fail(fmt::format("the loss of the eval file is {} after update {}", no_number(point->loss), progress_.updates));
  }
  computed_updates_ = progress_.updates;
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

/// What speaks against keeping the weights as they are: the checkpoint before would go for them. Empty: nothing.
std::string TrainLoop::flaw() {
  for (const bool state : {false, true}) {
    const std::vector<NamedTensor> tensors = state ? trainer_.state() : trainer_.weights();
    const auto bad = std::ranges::find_if(tensors, [](const NamedTensor& one) { return !is_finite(one.tensor); });
    if (bad != tensors.end()) {
      return fmt::format("{} has values that are no numbers after update {}", bad->name, progress_.updates);
    }
  }
  if (computed_updates_ == progress_.updates) return "";
  const auto texts = sampler_.batch((progress_.updates - 1) / length_.updates_per_epoch, 0);
  clear(batch_.sequences);
  batch_.teacher_types.clear();
  for (const uint32_t text : texts) parts_.texts.append(text, batch_.sequences, batch_.teacher_types);
  std::vector<float> logits(texts.size() * parts_.scheme.labels.size());
  trainer_.run(batch_.sequences, logits);
  if (!std::ranges::all_of(logits, [](float one) { return std::isfinite(one); })) {
    return fmt::format("the logits are no numbers after update {}", progress_.updates);
  }
  computed_updates_ = progress_.updates;
  return "";
}

void TrainLoop::save() {
  const std::string found = flaw();
  if (!found.empty()) fail(found);
  write_checkpoint();
}

/// Says what is wrong, if anything: an Error would be taken for the stop.
void TrainLoop::save_at_stop(const FinetuneListener& listener) {
  const std::string found = flaw();
  if (found.empty()) {
    write_checkpoint();
  } else {
    listener.notice(advice(found));
  }
}

void TrainLoop::write_checkpoint() {
  parts_.checkpoints.save(trainer_, progress_);
  saved_updates_ = progress_.updates;
  saved_at_ = monotonic_seconds();
}

void TrainLoop::fail(const std::string& what) const {
  throw Error(ErrorCode::kInvalidArgument, "[finetune] " + advice(what));
}

std::string TrainLoop::advice(const std::string& what) const {
  const std::string sentence = fmt::format(
      "{}, expected finite numbers. {}.", what,
      saved_updates_ > 0
          ? fmt::format("The checkpoint of update {} stays in {}", saved_updates_, parts_.checkpoints.newest().string())
          : "There is no checkpoint yet");
  const TrainingRecipe& recipe = parts_.recipe;
  if (progress_.updates > 0 && recipe.learning_rate > 0) {
    return fmt::format("{} Try --restart with a --learning-rate below {}.", sentence, recipe.learning_rate);
  }
  return fmt::format(
      "{} No weight has moved, so a lower --learning-rate does not help: what the start model or its teacher computes "
      "is too large for {}. See with paceline evaluate whether their answers are numbers.",
      sentence, recipe.compute_type);
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
