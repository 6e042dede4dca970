#include "train/training_progress.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/testing/expect_error.h"

namespace paceline {
namespace {

constexpr const char* kDoNotFit = "its updates, evaluations and texts do not fit together";

/// Behind update 8 of a training that looks at the eval file after each third and keeps a loss point of each second:
/// the evaluation of update 3 is the best.
Json eight_updates() {
  TrainingProgress is{.updates = 8, .open = {.update = 8, .loss = 1}, .open_updates = 1};
  is.history = {.best_update = 3, .without_gain = 1, .seconds = 2, .texts = 64};
  for (const int64_t update : {2, 3, 5, 6, 7}) is.history.losses.push_back({.update = update, .loss = 1});
  for (const int64_t update : {3, 6}) is.history.evaluations.push_back({.update = update, .metric = 0.5});
  return Json::parse(training_progress_json(is, {{"seed", 1}}).dump());
}

void expect_refused(const Json& json, const std::string& part) {
  SCOPED_TRACE(json.dump());
  expect_error(
      ErrorCode::kCorruptData, [&] { read_training_progress(json, "progress.json"); }, "[progress.json", part);
}

TEST(TrainingProgressTest, IsReadAsItWasWritten) {
  const TrainingProgress is = read_training_progress(eight_updates(), "progress.json");
  EXPECT_EQ(is.updates, 8);
  EXPECT_EQ(is.history.losses.size(), 5u);
  EXPECT_EQ(is.history.evaluations.size(), 2u);
  EXPECT_EQ(Json::parse(training_progress_json(is, {{"seed", 1}}).dump()), eight_updates());
}

TEST(TrainingProgressTest, NothingOfItMayBeMissing) {
  for (const char* field : {"/updates", "/open_updates", "/open", "/history", "/open/update", "/open/loss",
                            "/history/best_update", "/history/without_gain", "/history/seconds", "/history/texts",
                            "/history/losses/loss", "/history/evaluations/metric"}) {
    const Json::json_pointer place(field);
    Json json = eight_updates();
    json[place.parent_pointer()].erase(place.back());
    expect_refused(json, "\"" + place.back() + "\" is missing");
  }
  Json json = eight_updates();
  json["history"] = Json::object();
  expect_refused(json, "is missing");
}

TEST(TrainingProgressTest, ItsPartsFitTogether) {
  const std::vector<std::pair<const char*, Json>> changes{{"/updates", 9},
                                                          {"/updates", 7},
                                                          {"/open_updates", 0},
                                                          {"/open_updates", 2},
                                                          {"/open_updates", 9},
                                                          {"/open/update", 7},
                                                          {"/history/best_update", 0},
                                                          {"/history/best_update", 6},
                                                          {"/history/best_update", 5},
                                                          {"/history/without_gain", 0},
                                                          {"/history/without_gain", 2},
                                                          {"/history/losses", Json::object()},
                                                          {"/history/losses/update/4", 8},
                                                          {"/history/losses/update/0", 3},
                                                          {"/history/evaluations", Json::object()},
                                                          {"/history/evaluations/update/1", 9},
                                                          {"/history/evaluations/update/1", 3}};
  for (const auto& [field, value] : changes) {
    Json json = eight_updates();
    json[Json::json_pointer(field)] = value;
    expect_refused(json, kDoNotFit);
  }
  for (const char* list : {"losses", "evaluations"}) {
    Json json = eight_updates();
    json["history"].erase(list);
    expect_refused(json, kDoNotFit);
  }
}

}  // namespace
}  // namespace paceline
