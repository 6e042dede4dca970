#include "train/result_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/file_stamp.h"
#include "base/json.h"
#include "base/paths.h"
#include "paceline/error.h"
#include "report/training_report.h"
#include "results/training.h"
#include "train/starting_folder.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

bool is_plain_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(fs::symlink_status(path, ignored));
}

struct Listed {
  std::string identity;
  FileHashes files;
};

/// Throws Error for a file that is not as training_json() writes it.
Listed read_training_file(const fs::path& file) {
  const Json json = read_json_file(file);
  const std::string where = file.string();
  Listed listed;
  json_integer(json, "schema_version", where, 1, Training::kSchemaVersion);
  listed.identity = json_string(json, "identity", where);
  const auto files = json.find("files");
  if (listed.identity.empty() || files == json.end() || !files->is_object()) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] it lists no files.", where));
  }
  for (const auto& [name, hash] : files->items()) {
    if (hash.is_string()) listed.files[name].insert(hash.get<std::string>());
  }
  return listed;
}

}  // namespace

std::vector<std::string> result_files() {
  std::vector<std::string> names = classifier_files();
  for (const std::string& name : training_report_files()) names.push_back(name);
  return names;
}

ResultFolder::ResultFolder(fs::path out, const TrainingCheckpoints& checkpoints)
    : out_(std::move(out)), checkpoints_(checkpoints), announced_(checkpoints.announced()) {
  read();
  for (const auto& [name, hashes] : announced_) files_[name].insert(hashes.begin(), hashes.end());
}

void ResultFolder::read() {
  const fs::path file = out_ / kTrainingFile;
  if (!path_exists(file)) return;
  if (!is_plain_file(file)) refuse_foreign(kTrainingFile, kElsewhere);
  try {
    Listed listed = read_training_file(file);
    identity_ = std::move(listed.identity);
    files_ = std::move(listed.files);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorruptData && error.code() != ErrorCode::kNotFound) throw;
    refuse_foreign(kTrainingFile, kElsewhere);
  }
}

void ResultFolder::check_model() const {
  for (const std::string& name : classifier_files()) {
    const auto listed = files_.find(name);
    if (listed == files_.end()) continue;
    const fs::path file = out_ / name;
    if (!path_exists(file)) {
      throw Error(
          ErrorCode::kCorruptData,
          fmt::format("[{}] {} of the finished training is missing. --restart trains anew.", out_.string(), name));
    }
    if (listed->second.contains(hash_file(file))) continue;
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] {} has changed since this training finished. Move it away; --restart then trains anew.",
                    out_.string(), name));
  }
}

bool ResultFolder::is_in_place() const {
  const auto written = announced_.find(kTrainingFile);
  return written != announced_.end() && !identity_.empty() && written->second.contains(hash_file(out_ / kTrainingFile));
}

void ResultFolder::announce(const std::map<std::string, std::string>& hashes) {
  for (const auto& [name, hash] : hashes) announced_[name].insert(hash);
  checkpoints_.announce(announced_);
}

/// The names of a result under which there is something that may not be its own.
std::vector<std::string> ResultFolder::names_there() const {
  std::vector<std::string> names = result_files();
  std::erase_if(names, [&](const std::string& name) {
    return !path_exists(out_ / name) || (name == kTrainingFile && !identity_.empty());
  });
  return names;
}

void ResultFolder::check_names(std::string_view hint) const {
  for (const std::string& name : result_files()) {
    const fs::path folder = fs::path(name).parent_path();
    if (!folder.empty() && path_exists(out_ / folder) && !is_folder(out_ / folder)) refuse_foreign(folder, hint);
  }
  for (const std::string& name : names_there()) {
    if (!files_.contains(name) || !is_plain_file(out_ / name)) refuse_foreign(name, hint);
  }
}

void ResultFolder::check(std::string_view hint) const {
  check_names(hint);
  for (const std::string& name : names_there()) {
    if (files_.at(name).contains(hash_file(out_ / name))) continue;
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] {} has changed since a training wrote it, and the result would replace it. {}",
                            out_.string(), name, hint));
  }
}

void ResultFolder::refuse_foreign(const std::string& name, std::string_view hint) const {
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[{}] it has a {} that no training wrote, and the result would replace it. {}", out_.string(),
                          name, hint));
}

}  // namespace paceline
