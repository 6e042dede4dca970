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
  visitor.integer("open_updates", is.open_updates, {.high = kMost});
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

bool fits_together(const TrainingProgress& is) {
  const TrainingHistory& history = is.history;
  const auto evaluations = static_cast<int64_t>(history.evaluations.size());
  const bool has_best = std::ranges::find(history.evaluations, history.best_update, &EvaluationPoint::update) !=
                        history.evaluations.end();
  return is.open_updates <= is.updates && are_in_order(history.losses, is.updates - is.open_updates) &&
         are_in_order(history.evaluations, is.updates) && has_best == (evaluations > 0) &&
         (has_best || history.best_update == 0) && history.without_gain <= evaluations && history.texts <= kMost;
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
