#include "train/training_progress.h"

#include <algorithm>
#include <vector>

#include "base/json_fields.h"
#include "results/training_fields.h"

namespace paceline {
namespace {

constexpr const char* kIdentity = "identity";
/// Updates, or texts, of a training: more than can be made, and few enough to be added up.
constexpr int64_t kMost = 1'000'000'000'000'000;

void fields(auto& visitor, FieldsOf<TrainingProgress> auto& is) {
  visitor.integer("updates", is.updates, {.high = kMost, .required = true});
  visitor.object("history", [&](auto& inner) { fields(inner, is.history); });
  visitor.object("open", [&](auto& inner) { fields(inner, is.open); });
  visitor.integer("open_updates", is.open_updates, {.high = kMost, .required = true});
}

/// Whether points lie at updates from 1 to `last`, each behind the one before.
template <class Point>
bool are_in_order(const std::vector<Point>& points, int64_t last) {
  int64_t before = 0;
  return std::ranges::all_of(points, [&](const Point& point) {
    const bool behind = point.update > before && point.update <= last;
    before = point.update;
    return behind;
  });
}

int64_t last_update(const std::vector<LossPoint>& points) { return points.empty() ? 0 : points.back().update; }

bool fits_together(const TrainingProgress& is) {
  const TrainingHistory& history = is.history;
  const int64_t closed = is.updates - is.open_updates;  // the last loss point ends there
  const auto best = std::ranges::find(history.evaluations, history.best_update, &EvaluationPoint::update);
  const bool has_best = best != history.evaluations.end();
  const auto since_best = has_best ? history.evaluations.end() - best - 1 : 0;
  return closed >= 0 && are_in_order(history.losses, closed) && last_update(history.losses) == closed &&
         is.open.update == (is.open_updates > 0 ? is.updates : 0) && are_in_order(history.evaluations, is.updates) &&
         has_best == !history.evaluations.empty() && (has_best || history.best_update == 0) &&
         history.without_gain == since_best && history.texts <= kMost;
}

}  // namespace

OrderedJson training_progress_json(const TrainingProgress& progress, const OrderedJson& identity) {
  OrderedJson json;
  JsonFieldWriter writer(json);
  fields(writer, progress);
  json[kIdentity] = identity;
  return json;
}

TrainingProgress read_training_progress(const Json& json, std::string_view where) {
  const JsonFieldReader reader(json, std::string(where), {.refuses_null = true});
  for (const char* part : {"history", "open"}) {
    if (!reader.has(part)) reader.refuse(std::string("\"") + part + "\" is missing");
  }
  TrainingProgress progress;
  fields(reader, progress);
  if (!fits_together(progress)) reader.refuse("its updates, evaluations and texts do not fit together");
  return progress;
}

Json read_training_identity(const Json& json, std::string_view where) {
  const JsonFieldReader reader(json, std::string(where));
  if (!reader.has(kIdentity) || !json[kIdentity].is_object()) reader.refuse("it has no object \"identity\"");
  return json[kIdentity];
}

}  // namespace paceline
