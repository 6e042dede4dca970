#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/tokenizer_files.h"
#include "checkpoint/checkpoint.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSecond = 1'000'000'000;  // in nanoseconds
// A file written again within the clock's step of its last change would keep its mtime, so an answer about a file this
// young is not remembered. The coarsest steps in use are 2 s (FAT).
constexpr int64_t kYoung = 2 * kSecond;
constexpr std::size_t kMostCacheBytes = std::size_t{1} << 20;

/// What tells that a file is still the one that was read.
struct Stamp {
  std::string text;
  int64_t modified = 0;  // ns since 1970
};

Stamp stamp_of(const fs::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    return {.text = "missing"};
  }
  const int64_t modified = status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec;
  return {.text = fmt::format("{} {} {} {}", status.st_dev, status.st_ino, status.st_size, modified),
          .modified = modified};
}

/// A file that is part of a checkpoint, and what stands for it in the hash.
struct Part {
  std::string label;
  fs::path path;
};

/// The same weights under another prefix are another checkpoint; where the file lies is none of its content.
std::vector<Part> parts_of(const Checkpoint& checkpoint) {
  const fs::path& folder = checkpoint.model_dir();
  std::vector<Part> parts = {{"config.json", folder / "config.json"}, {kTokenizerFile, folder / kTokenizerFile}};
  std::error_code ignored;
  const bool built = !fs::exists(folder / kTokenizerFile, ignored);
  for (const char* name : kTokenizerSettings) parts.push_back({name, folder / name});
  if (built) {
    for (const char* name : kVocabularyFiles) parts.push_back({name, folder / name});
  }
  const WeightOptions& options = checkpoint.weight_options();
  for (const fs::path& name : checkpoint.weight_files()) {
    std::string label = options.file.empty() ? name.string() : "--weights";
    if (!options.prefix.empty()) label += fmt::format("\n--prefix {}", options.prefix);
    parts.push_back({std::move(label), folder / name});
  }
  return parts;
}

/// The stamps of the parts, one line each, and the youngest change among them.
Stamp stamp_files(const std::vector<Part>& parts) {
  Stamp all;
  for (const Part& part : parts) {
    const Stamp one = stamp_of(part.path);
    all.text += fmt::format("{} {}\n", part.label, one.text);
    all.modified = std::max(all.modified, one.modified);
  }
  return all;
}

/// Where the answer for a folder is kept.
fs::path memory_file(const fs::path& cache_dir, const fs::path& model_dir) {
  std::error_code ignored;
  const fs::path canonical = fs::weakly_canonical(model_dir, ignored);
  Hasher hasher;
  hasher.update(canonical.empty() ? model_dir.string() : canonical.string());
  return cache_dir / "hashes" / (hasher.hex() + ".json");
}

/// The remembered hash for these stamps; empty where there is none or what is there makes no sense.
std::string recall(const fs::path& memory, const std::string& stamps) {
  try {
    const Json json = read_json_file(memory, {.max_bytes = kMostCacheBytes});
    return json_string(json, "files", "cache") == stamps ? json_string(json, "hash", "cache") : "";
  } catch (const Error&) {
    return {};
  }
}

void remember(const fs::path& memory, const std::string& stamps, const std::string& hash) {
  std::error_code ignored;
  fs::create_directories(memory.parent_path(), ignored);
  try {
    write_file_atomically(memory, Json{{"files", stamps}, {"hash", hash}}.dump(1));
  } catch (const Error&) {
    return;  // a full or read-only cache costs time, not the answer
  }
}

std::string hash_files(const std::vector<Part>& parts) {
  Hasher hasher;
  std::error_code ignored;
  for (const Part& part : parts) {
    const bool there = fs::exists(part.path, ignored);
    const MappedFile file = there ? MappedFile::open(part.path) : MappedFile();
    // Name and size in front of the content, so that no two folders read as the same stream.
    hasher.update(fmt::format("{}\n{}\n", part.label, there ? std::to_string(file.bytes().size()) : "missing"));
    hasher.update(file.bytes());
  }
  return hasher.hex();
}

}  // namespace

std::string Checkpoint::hash(const fs::path& cache_dir) const {
  const std::vector<Part> parts = parts_of(*this);
  const fs::path memory = memory_file(cache_dir, model_dir_);
  const Stamp before = stamp_files(parts);
  const std::string known = recall(memory, before.text);
  if (!known.empty()) {
    return known;
  }
  const std::string hash = hash_files(parts);
  const bool old = before.modified + kYoung < static_cast<int64_t>(std::time(nullptr)) * kSecond;
  if (old && stamp_files(parts).text == before.text) {
    remember(memory, before.text, hash);
  }
  return hash;
}

}  // namespace paceline
