#include "model_folder/model_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cache_folder.h"
#include "base/file.h"
#include "base/paths.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostRefBytes = 256;
constexpr std::size_t kMostNames = 5;

/// An id of the hub: letters, digits, '-', '_' and '.' with one '/' at most.
struct HubId {
  std::string name;      ///< "org/name"
  std::string revision;  ///< "main", a tag or a commit
};

bool is_plain(std::string_view part) {
  return !part.empty() && part.front() != '.' && part.front() != '-' &&
         std::all_of(part.begin(), part.end(), [](char character) {
           const bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
           return letter || (character >= '0' && character <= '9') ||
                  std::string_view("-_.").find(character) != std::string_view::npos;
         });
}

/// Revisions such as refs/pr/1 have slashes.
bool is_revision(std::string_view revision) {
  for (std::size_t begin = 0; begin <= revision.size();) {
    const std::size_t end = std::min(revision.find('/', begin), revision.size());
    if (!is_plain(revision.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

std::optional<HubId> parse_hub_id(std::string_view given) {
  const std::size_t at = given.find('@');
  const std::string_view name = given.substr(0, at);
  const std::string_view revision = at == std::string_view::npos ? "main" : given.substr(at + 1);
  const std::size_t slash = name.find('/');
  const bool plain = slash == std::string_view::npos
                         ? is_plain(name)
                         : is_plain(name.substr(0, slash)) && is_plain(name.substr(slash + 1));
  if (!plain || !is_revision(revision)) return std::nullopt;
  return HubId{std::string(name), std::string(revision)};
}

fs::path hub_cache() {
  for (const char* variable : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const char* folder = std::getenv(variable); folder != nullptr && *folder != '\0') return folder;
  }
  if (const char* home = std::getenv("HF_HOME"); home != nullptr && *home != '\0') return fs::path(home) / "hub";
  return default_cache_dir().parent_path() / "huggingface" / "hub";
}

/// "org/name" as the cache spells its folder.
std::string cache_name(std::string_view name) {
  std::string folder = "models--";
  for (const char character : name) folder += character == '/' ? "--" : std::string(1, character);
  return folder;
}

std::vector<std::string> snapshots_in(const fs::path& repository) {
  std::vector<std::string> names;
  for (const fs::path& name : names_in(repository / "snapshots")) names.push_back(name.string());
  return names;
}

/// The commit that a branch or tag stands for; the revision itself where the cache has no such name.
std::string commit_of(const fs::path& repository, const std::string& revision) {
  const fs::path ref = repository / "refs" / revision;
  if (!is_file(ref)) return revision;
  std::string commit = read_file(ref, kMostRefBytes);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
  if (!is_plain(commit)) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"{}\" was expected to be the name of a snapshot. Download the model again.",
                            ref.string(), excerpt(commit)));
  }
  return commit;
}

[[noreturn]] void throw_missing(const HubId& id, const fs::path& cache) {
  const std::string revision = id.revision == "main" ? "" : fmt::format(" --revision {}", id.revision);
  std::vector<std::string> there = snapshots_in(cache / cache_name(id.name));
  there.resize(std::min(there.size(), kMostNames));
  const std::string others =
      there.empty() ? "" : fmt::format(" (other revisions of it are there: {})", fmt::join(there, ", "));
  throw Error(
      ErrorCode::kNotFound,
      fmt::format("[{0}] no such folder, nor is revision {1} of that model in {2}{3}. Name a model folder, or run "
                  "hf download {0}{4}.",
                  id.name, id.revision, cache.string(), others, revision));
}

}  // namespace

fs::path find_model_folder(const fs::path& given) {
  if (path_exists(given)) return given;
  const std::optional<HubId> id = parse_hub_id(given.string());
  if (!id) return given;
  const fs::path cache = hub_cache();
  const fs::path repository = cache / cache_name(id->name);
  const fs::path snapshot = repository / "snapshots" / commit_of(repository, id->revision);
  if (is_folder(snapshot)) return absolute_path(snapshot);
  throw_missing(*id, cache);
}

}  // namespace paceline
