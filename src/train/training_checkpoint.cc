#include "train/training_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "base/system_failure.h"
#include "paceline/error.h"
#include "results/training_fields.h"
#include "tensor/safetensors.h"
#include "words/suggest.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kState = "state.safetensors";
constexpr const char* kBest = "best.safetensors";  ///< the weights of the best evaluation
constexpr const char* kProgress = "progress.json";
constexpr std::string_view kName = "update-";
constexpr std::size_t kMostDifferences = 3;

void fields(auto& visitor, FieldsOf<TrainingProgress> auto& is) {
  visitor.integer("updates", is.updates, {.required = true});
  visitor.object("history", [&](auto& inner) { fields(inner, is.history); });
  visitor.object("open", [&](auto& inner) { fields(inner, is.open); });
  visitor.integer("open_updates", is.open_updates);
}

/// Like a file of the checkpoint before: the same one where the file system can give it a second name.
void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  const MappedFile file = MappedFile::open(from);
  AtomicFile copy(to);
  copy.write(file.bytes());
  copy.commit();
}

/// The names of fields whose values differ.
std::vector<std::string> differences(const Json& saved, const Json& mine) {
  std::vector<std::string> found;
  for (const auto& [key, value] : mine.items()) {
    const Json other = saved.is_object() && saved.contains(key) ? saved[key] : Json();
    if (other != value)
      found.push_back(fmt::format("{} was {} and is {}", key, excerpt(other.dump()), excerpt(value.dump())));
  }
  return found;
}

}  // namespace

TrainingCheckpoints::TrainingCheckpoints(const fs::path& out, OrderedJson identity)
    : folder_(out / "checkpoints"), identity_(std::move(identity)) {}

fs::path TrainingCheckpoints::place(int64_t number) const { return folder_ / fmt::format("{}{:08}", kName, number); }

std::vector<int64_t> TrainingCheckpoints::numbers() const {
  std::vector<int64_t> found;
  for (const fs::path& entry : names_in(folder_)) {
    const std::string name = entry.filename().string();
    if (!name.starts_with(kName)) continue;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + kName.size(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) found.push_back(number);
  }
  std::ranges::sort(found);
  return found;
}

fs::path TrainingCheckpoints::newest() const {
  const std::vector<int64_t> found = numbers();
  return found.empty() ? fs::path() : place(found.back());
}

void TrainingCheckpoints::check_identity(const Json& saved, const fs::path& file) const {
  const Json mine = Json::parse(identity_.dump());
  std::vector<std::string> found = differences(saved, mine);
  if (found.empty()) return;
  const std::size_t count = found.size();
  found.resize(std::min(count, kMostDifferences));
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[{}] a training with other settings is under way here: {}{}. Give the same ones to go on, or "
                  "--restart to begin anew.",
                  file.parent_path().parent_path().parent_path().string(), fmt::join(found, ", "),
                  count > kMostDifferences ? ", ..." : ""));
}

bool TrainingCheckpoints::exists() const {
  const fs::path checkpoint = newest();
  if (checkpoint.empty()) return false;
  const Json json = read_json_file(checkpoint / kProgress);
  check_identity(json.is_object() && json.contains("identity") ? json["identity"] : Json(), checkpoint / kProgress);
  return true;
}

TrainingProgress TrainingCheckpoints::restore(Trainer& trainer) const {
  const fs::path checkpoint = newest();
  const Json json = read_json_file(checkpoint / kProgress);
  TrainingProgress progress;
  const JsonFieldReader reader(json, (checkpoint / kProgress).string());
  fields(reader, progress);
  const MappedFile weights = MappedFile::open(checkpoint / kWeights);
  const MappedFile state = MappedFile::open(checkpoint / kState);
  trainer.restore(parse_safetensors(weights), parse_safetensors(state), progress.updates);
  return progress;
}

void TrainingCheckpoints::save(Trainer& trainer, const TrainingProgress& progress) {
  make_folders(folder_);
  const std::vector<int64_t> before = numbers();
  const int64_t number = before.empty() ? 1 : before.back() + 1;
  const std::string name = place(number).filename().string();
  {
    StagingFolder staging(folder_);
    const auto file = [&](const char* of) { return staging.place(name + "/" + of); };
    write_safetensors(file(kWeights), trainer.weights());
    write_safetensors(file(kState), trainer.state());
    if (progress.history.best_update > 0) {
      const bool now = progress.history.best_update == progress.updates;
      link_or_copy(now ? staging.path() / name / kWeights : place(before.back()) / kBest, file(kBest));
    }
    OrderedJson json;
    JsonFieldWriter writer(json);
    fields(writer, progress);
    json["identity"] = identity_;
    write_file_atomically(file(kProgress), json_text(json));
    put_names_on_disk(staging.path() / name);
    if (::rename((staging.path() / name).c_str(), place(number).c_str()) != 0) {
      throw system_failure(place(number).native(), "writing", errno);
    }
  }
  put_names_on_disk(folder_);
  std::error_code ignored;
  for (const int64_t old : before) fs::remove_all(place(old), ignored);
}

std::vector<NamedTensor> TrainingCheckpoints::best_weights() {
  best_ = MappedFile::open(newest() / kBest);
  return parse_safetensors(*best_);
}

void TrainingCheckpoints::remove_all() const {
  std::error_code ignored;
  for (const int64_t number : numbers()) fs::remove_all(place(number), ignored);
  fs::remove(folder_, ignored);
}

}  // namespace paceline
