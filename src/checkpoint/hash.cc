#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/cache_folder.h"
#include "base/file.h"
#include "base/file_stamp.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/paths.h"
#include "checkpoint/checkpoint.h"
#include "model_folder/tokenizer_files.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostCacheBytes = std::size_t{1} << 20;

/// A file that is part of a checkpoint, and what stands for it in the hash.
struct Part {
  std::string label;
  fs::path path;
};

/// The same weights under another prefix are another checkpoint, and so are those without their token types; where the
/// file lies is none of its content.
std::vector<Part> parts_of(const Checkpoint& checkpoint) {
  const fs::path& folder = checkpoint.parts().tokenizer;
  std::vector<Part> parts = {{"config.json", checkpoint.parts().config / "config.json"},
                             {kTokenizerFile, folder / kTokenizerFile}};
  const bool built = !path_exists(folder / kTokenizerFile);
  for (const char* name : kTokenizerSettings) parts.push_back({name, folder / name});
  if (built) {
    for (const char* name : kVocabularyFiles) parts.push_back({name, folder / name});
  }
  const TokenTypeUse& types = checkpoint.token_types();
  if (types.read && !types.handed_out) parts.push_back({"without token types", {}});
  const CheckpointOptions& options = checkpoint.options();
  for (const fs::path& name : checkpoint.weight_files()) {
    std::string label = options.file.empty() ? name.filename().string() : "--weights";
    if (!options.prefix.empty()) label += fmt::format("\n--prefix {}", options.prefix);
    parts.push_back({std::move(label), checkpoint.model_dir() / name});
  }
  for (const fs::path& file : checkpoint.adapter_files()) parts.push_back({file.filename().string(), file});
  return parts;
}

/// The stamps of the parts, one line each, and the youngest change among them.
FileStamp stamp_files(const std::vector<Part>& parts) {
  FileStamp all;
  for (const Part& part : parts) {
    const FileStamp one = stamp_of(part.path);
    all.text += fmt::format("{} {}\n", part.label, one.text);
    all.settled = std::max(all.settled, one.settled);
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
    const Json json = parse_json(recall_from_cache(memory, kMostCacheBytes), "cache");
    return json_string(json, "files", "cache") == stamps ? json_string(json, "hash", "cache") : "";
  } catch (const Error&) {
    return {};
  }
}

std::string hash_files(const std::vector<Part>& parts) {
  Hasher hasher;
  for (const Part& part : parts) {
    const bool there = path_exists(part.path);
    const MappedFile file = there ? MappedFile::open(part.path) : MappedFile();
    // Name and size in front of the content, so that no two folders read as the same stream.
    hasher.update(fmt::format("{}\n{}\n", part.label, there ? std::to_string(file.bytes().size()) : "missing"));
    add_content(file, hasher);
  }
  return hasher.hex();
}

}  // namespace

std::string Checkpoint::hash(const fs::path& cache_dir) const {
  const std::vector<Part> parts = parts_of(*this);
  const fs::path memory = memory_file(cache_dir, model_dir_);
  const FileStamp before = stamp_files(parts);
  const std::string known = recall(memory, before.text);
  if (!known.empty()) {
    return known;
  }
  const std::string hash = hash_files(parts);
  if (is_settled(before) && stamp_files(parts).text == before.text) {
    remember_in_cache(memory, Json{{"files", before.text}, {"hash", hash}}.dump(1));
  }
  return hash;
}

}  // namespace paceline
