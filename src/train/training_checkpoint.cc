#include "train/training_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <compare>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/file_stamp.h"
#include "base/hash.h"
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
constexpr const char* kHashes = "hashes.json";  ///< of the files above
constexpr const char* kResult = "result.json";  ///< what is about to be put into --out
/// In the order in which they are removed: as long as the last one is there, a result that is in place is known.
constexpr std::array<const char*, 6> kFiles{kProgress, kHashes, kState, kWeights, kBest, kResult};
constexpr std::string_view kPrefix = "update-";
constexpr std::size_t kMostDifferences = 3;

/// The name of a checkpoint's folder.
struct Name {
  int64_t update = 0;  ///< that it holds
  int64_t copy = 1;    ///< the same update is saved again once it is evaluated, and never under a name that is taken

  auto operator<=>(const Name&) const = default;
};

std::string text_of(const Name& name) {
  return fmt::format("{}{:08}{}", kPrefix, name.update, name.copy > 1 ? fmt::format("-{}", name.copy) : "");
}

/// None where text_of() does not write it so.
std::optional<Name> read_name(const std::string& text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  Name name;
  const char* const last = text.data() + text.size();
  const char* const end = std::from_chars(text.data() + kPrefix.size(), last, name.update).ptr;
  if (end != last) std::from_chars(end + 1, last, name.copy);
  return name.update > 0 && name.copy > 0 && text_of(name) == text ? std::optional(name) : std::nullopt;
}

/// The names of checkpoints in a folder whose files may be removed: it is no link to another.
std::vector<Name> names_of_checkpoints(const fs::path& folder) {
  std::vector<Name> found;
  for (const fs::path& entry : names_in(folder)) {
    std::error_code ignored;
    const std::optional<Name> name = read_name(entry.string());
    if (name && fs::is_directory(fs::symlink_status(folder / entry, ignored))) found.push_back(*name);
  }
  std::ranges::sort(found);
  return found;
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

std::string saved_hash(const fs::path& checkpoint, const char* name) {
  const fs::path hashes = checkpoint / kHashes;
  return json_string(read_json_file(hashes), name, hashes.string());
}

void check_content(const fs::path& checkpoint, const char* name) {
  const fs::path file = checkpoint / name;
  if (hash_file(file) == saved_hash(checkpoint, name)) return;
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] its content is not what was saved.", file.string()));
}

}  // namespace

TrainingCheckpoints::TrainingCheckpoints(const fs::path& out) : folder_(out / "checkpoints") {}

/// From the oldest on: folders with a file that save() writes.
std::vector<fs::path> TrainingCheckpoints::all() const {
  std::vector<fs::path> found;
  for (const Name& name : names_of_checkpoints(folder_)) {
    const fs::path checkpoint = folder_ / text_of(name);
    const auto has = [&](const char* file) { return path_exists(checkpoint / file); };
    if (std::ranges::any_of(kFiles, has)) found.push_back(checkpoint);
  }
  return found;
}

/// For one of this update: what has such a name stays as it is, whoever wrote it.
fs::path TrainingCheckpoints::free_place(int64_t update) const {
  Name name{.update = update};
  while (path_exists(folder_ / text_of(name))) ++name.copy;
  return folder_ / text_of(name);
}

fs::path TrainingCheckpoints::newest() const {
  const std::vector<fs::path> found = all();
  return found.empty() ? fs::path() : found.back();
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
  check_identity(reading([&] {
    Json saved = read_training_identity(read_progress(checkpoint), (checkpoint / kProgress).string());
    if (saved != Json::parse(identity_.dump())) check_content(checkpoint, kProgress);  // damage is no other training
    return saved;
  }));
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
    // Else the next one would not be the newest by its name.
    const int64_t named = read_name(checkpoint.filename().string())->update;
    if (progress.updates != named) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] it has {} updates, its folder is named for {}.", file, progress.updates, named));
    }
    for (const char* name : {kProgress, kWeights, kState}) check_content(checkpoint, name);
    if (progress.history.best_update > 0) check_content(checkpoint, kBest);
    const MappedFile weights = MappedFile::open(checkpoint / kWeights);
    const MappedFile state = MappedFile::open(checkpoint / kState);
    trainer.restore(parse_safetensors(weights), parse_safetensors(state), progress.updates);
    return progress;
  });
}

void TrainingCheckpoints::save(Trainer& trainer, const TrainingProgress& progress) {
  const TargetFolder made(folder_);
  const std::vector<fs::path> before = all();
  const fs::path saved = free_place(progress.updates);
  const std::string name = saved.filename().string();
  {
    StagingFolder staging(folder_);
    const auto file = [&](const char* of) { return staging.place(name + "/" + of); };
    OrderedJson hashes;
    hashes[kWeights] = write_safetensors(file(kWeights), trainer.weights());
    hashes[kState] = write_safetensors(file(kState), trainer.state());
    if (progress.history.best_update == progress.updates) {
      link_or_copy(staging.path() / name / kWeights, file(kBest));
      hashes[kBest] = hashes[kWeights];
    } else if (progress.history.best_update > 0) {
      const fs::path from = before.empty() ? saved : before.back();
      link_or_copy(from / kBest, file(kBest));
      hashes[kBest] = saved_hash(from, kBest);
    }
    const std::string text = json_text(training_progress_json(progress, identity_));
    Hasher hasher;
    hasher.update(text);
    hashes[kProgress] = hasher.hex();
    write_file_atomically(file(kProgress), text);
    write_file_atomically(file(kHashes), json_text(hashes));
    put_names_on_disk(staging.path() / name);
    if (::rename((staging.path() / name).c_str(), saved.c_str()) != 0) {
      throw system_failure(saved.native(), "writing", errno);
    }
  }
  put_names_on_disk(folder_);
  for (const fs::path& old : before) remove_checkpoint(old);
}

std::vector<NamedTensor> TrainingCheckpoints::best_weights() {
  return reading([&] {
    const fs::path checkpoint = newest();
    check_content(checkpoint, kBest);
    best_ = MappedFile::open(checkpoint / kBest);
    return parse_safetensors(*best_);
  });
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
  for (const Name& name : names_of_checkpoints(folder_)) remove_checkpoint(folder_ / text_of(name));
  ::rmdir(folder_.c_str());
}

}  // namespace paceline
