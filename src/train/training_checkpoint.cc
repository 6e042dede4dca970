#include "train/training_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/json_fields.h"
#include "base/paths.h"
#include "base/staging_folder.h"
#include "base/system_failure.h"
#include "base/temporary_name.h"
#include "paceline/error.h"
#include "report/staged_files.h"
#include "tensor/safetensors.h"
#include "words/suggest.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kState = "state.safetensors";
constexpr const char* kBest = "best.safetensors";  ///< the weights of the best evaluation
constexpr const char* kProgress = "progress.json";
constexpr const char* kResult = "result.json";  ///< what is about to be put into --out
/// In the order in which they are removed: as long as the last one is there, a result that is in place is known.
constexpr std::array<const char*, 5> kFiles{kProgress, kState, kWeights, kBest, kResult};
constexpr std::string_view kName = "update-";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kMostDifferences = 3;

/// The number in the name of a checkpoint, as save() writes it.
std::optional<int64_t> number_in(const std::string& name) {
  if (!name.starts_with(kName) || name.size() != kName.size() + kDigits) return std::nullopt;
  int64_t number = 0;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + kName.size(), last, number);
  return error == std::errc() && end == last && number > 0 ? std::optional(number) : std::nullopt;
}

/// Whether it is a folder, and no link to one, with a file that save() writes.
bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(fs::symlink_status(folder, ignored))) return false;
  return std::ranges::any_of(kFiles, [&](const char* name) { return path_exists(folder / name); });
}

/// Its own files, and the folder where that leaves nothing in it.
void remove_checkpoint(const fs::path& folder) {
  for (const char* name : kFiles) ::unlink((folder / name).c_str());
  ::rmdir(folder.c_str());
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
    const Json other = saved.contains(key) ? saved[key] : Json();
    if (other != value)
      found.push_back(fmt::format("{} was {} and is {}", key, excerpt(other.dump()), excerpt(value.dump())));
  }
  return found;
}

/// Runs `read`, which reads a checkpoint: whatever is wrong with it, the way on is the same.
template <class Read>
auto reading(Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    const bool damage = error.code() == ErrorCode::kCorruptData || error.code() == ErrorCode::kNotFound ||
                        error.code() == ErrorCode::kUnsupported;
    if (!damage) throw;
    throw Error(ErrorCode::kCorruptData,
                fmt::format("{} The checkpoint is damaged; --restart begins the training anew.", error.what()));
  }
}

Json read_progress(const fs::path& checkpoint) { return read_json_file(checkpoint / kProgress); }

/// Throws where a checkpoint's best weights are not those of the same network.
void check_best(const fs::path& checkpoint, const std::vector<NamedTensor>& weights) {
  const MappedFile file = MappedFile::open(checkpoint / kBest);
  const std::vector<NamedTensor> best = parse_safetensors(file);
  const auto alike = [](const NamedTensor& one, const NamedTensor& other) {
    return one.name == other.name && one.tensor.dtype == other.tensor.dtype && one.tensor.shape == other.tensor.shape;
  };
  if (std::ranges::equal(best, weights, alike)) return;
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] it has other weights than {} beside it.", file.path().string(), kWeights));
}

}  // namespace

TrainingCheckpoints::TrainingCheckpoints(const fs::path& out) : folder_(out / "checkpoints") {}

fs::path TrainingCheckpoints::place(int64_t number) const {
  return folder_ / fmt::format("{}{:0{}}", kName, number, kDigits);
}

std::vector<int64_t> TrainingCheckpoints::numbers() const {
  std::vector<int64_t> found;
  for (const fs::path& entry : names_in(folder_)) {
    const std::optional<int64_t> number = number_in(entry.filename().string());
    if (number && is_checkpoint(folder_ / entry)) found.push_back(*number);
  }
  std::ranges::sort(found);
  return found;
}

/// The first above all checkpoints whose name is free.
int64_t TrainingCheckpoints::next_number() const {
  const std::vector<int64_t> found = numbers();
  int64_t number = found.empty() ? 1 : found.back() + 1;
  while (path_exists(place(number))) ++number;
  if (number_in(place(number).filename().string())) return number;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] no number is left for a further checkpoint. Move this one away, or begin anew with "
                          "--restart.",
                          newest().string()));
}

fs::path TrainingCheckpoints::newest() const {
  const std::vector<int64_t> found = numbers();
  return found.empty() ? fs::path() : place(found.back());
}

void TrainingCheckpoints::check_identity(const Json& saved) const {
  std::vector<std::string> found = differences(saved, Json::parse(identity_.dump()));
  if (found.empty()) return;
  const std::size_t count = found.size();
  found.resize(std::min(count, kMostDifferences));
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[{}] a training with other settings is under way here: {}{}. Give the same ones to go on, or "
                  "--restart to begin anew.",
                  folder_.parent_path().string(), fmt::join(found, ", "), count > kMostDifferences ? ", ..." : ""));
}

bool TrainingCheckpoints::exists() const {
  const fs::path checkpoint = newest();
  if (checkpoint.empty()) return false;
  check_identity(
      reading([&] { return read_training_identity(read_progress(checkpoint), (checkpoint / kProgress).string()); }));
  return true;
}

TrainingProgress TrainingCheckpoints::restore(Trainer& trainer, int64_t planned) const {
  const fs::path checkpoint = newest();
  return reading([&] {
    const std::string file = (checkpoint / kProgress).string();
    TrainingProgress progress = read_training_progress(read_progress(checkpoint), file);
    if (progress.updates > planned) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] it has {} updates, the whole training has {}.", file, progress.updates, planned));
    }
    const MappedFile weights = MappedFile::open(checkpoint / kWeights);
    const MappedFile state = MappedFile::open(checkpoint / kState);
    const std::vector<NamedTensor> tensors = parse_safetensors(weights);
    if (progress.history.best_update > 0) check_best(checkpoint, tensors);
    trainer.restore(tensors, parse_safetensors(state), progress.updates);
    return progress;
  });
}

void TrainingCheckpoints::save(Trainer& trainer, const TrainingProgress& progress) {
  const TargetFolder made(folder_);
  const std::vector<int64_t> before = numbers();
  const fs::path saved = place(next_number());
  const std::string name = saved.filename().string();
  {
    StagingFolder staging(folder_);
    const auto file = [&](const char* of) { return staging.place(name + "/" + of); };
    write_safetensors(file(kWeights), trainer.weights());
    write_safetensors(file(kState), trainer.state());
    if (progress.history.best_update == progress.updates) {
      link_or_copy(staging.path() / name / kWeights, file(kBest));
    } else if (progress.history.best_update > 0) {
      link_or_copy(place(before.empty() ? 1 : before.back()) / kBest, file(kBest));
    }
    write_file_atomically(file(kProgress), json_text(training_progress_json(progress, identity_)));
    put_names_on_disk(staging.path() / name);
    if (::rename((staging.path() / name).c_str(), saved.c_str()) != 0) {
      throw system_failure(saved.native(), "writing", errno);
    }
  }
  put_names_on_disk(folder_);
  for (const int64_t old : before) remove_checkpoint(place(old));
}

std::vector<NamedTensor> TrainingCheckpoints::best_weights() {
  best_ = MappedFile::open(newest() / kBest);
  return parse_safetensors(*best_);
}

void TrainingCheckpoints::announce(const FileHashes& files) const {
  write_file_atomically(newest() / kResult, json_text(OrderedJson(files)));
}

FileHashes TrainingCheckpoints::announced() const {
  const fs::path checkpoint = newest();
  if (checkpoint.empty() || !path_exists(checkpoint / kResult)) return {};
  FileHashes files;
  try {
    const Json json = read_json_file(checkpoint / kResult);
    const JsonFieldReader reader(json, (checkpoint / kResult).string());
    for (const auto& [name, hashes] : json.items()) {
      std::vector<std::string> listed;
      reader.texts(name, listed);
      files[name].insert(listed.begin(), listed.end());
    }
  } catch (const Error&) {
    files.clear();
  }
  return files;
}

void TrainingCheckpoints::remove_all() const {
  remove_abandoned(folder_);
  for (const int64_t number : numbers()) remove_checkpoint(place(number));
  ::rmdir(folder_.c_str());
}

}  // namespace paceline
