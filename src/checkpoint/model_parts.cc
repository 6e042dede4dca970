#include "checkpoint/model_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/paths.h"
#include "checkpoint/adapter_config.h"
#include "checkpoint/folder_hint.h"
#include "checkpoint/weight_files.h"
#include "model_folder/model_folder.h"
#include "model_folder/tokenizer_files.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

void check_folder(const fs::path& folder) {
  const PathKind kind = path_kind(folder);
  if (kind == PathKind::kFolder) return;
  const char* what = "no such folder";
  if (kind != PathKind::kNothing) what = "a folder was expected, this is a file";
  if (kind == PathKind::kNothing && path_exists(folder)) what = "a folder was expected, this link leads nowhere";
  throw Error(ErrorCode::kNotFound,
              fmt::format("[{}] {}. Name a model folder with config.json, model.safetensors and tokenizer.json.",
                          folder.string(), what));
}

void check_config(const fs::path& folder) {
  if (path_exists(folder / "config.json")) return;
  throw Error(ErrorCode::kNotFound,
              fmt::format("[{}] the folder has no config.json. {}", folder.string(), folder_hint(folder)));
}

bool has_tokenizer(const fs::path& folder) {
  return path_exists(folder / kTokenizerFile) ||
         std::any_of(std::begin(kVocabularyFiles), std::end(kVocabularyFiles),
                     [&](const char* name) { return path_exists(folder / name); });
}

[[noreturn]] void throw_no_base(const fs::path& model_dir, const AdapterConfig& config) {
  const std::string where = fmt::format("[{}] it is a LoRA adapter without its base", model_dir.string());
  if (config.base.empty()) {
    throw Error(ErrorCode::kNotFound, fmt::format("{}, and {} names none. Name the base's folder with --base DIR.",
                                                  where, kAdapterConfigFile));
  }
  const std::string revision = config.revision.empty() ? "" : fmt::format(" --revision {}", excerpt(config.revision));
  throw Error(ErrorCode::kNotFound,
              fmt::format("{0}: {1}, which {2} names, is neither a folder nor in the local hub cache. Run hf download "
                          "{1}{3}, or name the base's folder with --base DIR.",
                          where, excerpt(config.base, 200), kAdapterConfigFile, revision));
}

/// The base of an adapter, which is no adapter itself.
fs::path base_of(const fs::path& model_dir, const CheckpointOptions& options) {
  if (options.base.empty() && has_weights(model_dir)) return model_dir;
  const AdapterConfig config = read_adapter_config(model_dir);
  const fs::path base = options.base.empty() ? find_base(config.base, config.revision).value_or(fs::path())
                                             : find_model_folder(options.base);
  if (base.empty()) throw_no_base(model_dir, config);
  check_folder(base);
  std::error_code ignored;
  if (path_exists(base / kAdapterConfigFile) && !fs::equivalent(base, model_dir, ignored)) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the base has an adapter itself, a model without one was "
                                                     "expected. {}",
                                                     base.string(), kMergeWithPeft));
  }
  return base;
}

}  // namespace

std::optional<fs::path> find_base(const std::string& name, const std::string& revision) {
  if (name.empty()) return std::nullopt;
  try {
    if (is_folder(name)) return name;
    const fs::path found = find_model_folder(revision.empty() ? name : fmt::format("{}@{}", name, revision));
    if (is_folder(found)) return found;
  } catch (const Error& error) {
    // The name may be a path of the machine that trained the adapter: what may not be looked at here is not the base.
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kInvalidArgument) throw;
  }
  return std::nullopt;
}

ModelParts find_model_parts(const fs::path& model_dir, const CheckpointOptions& options) {
  check_folder(model_dir);
  ModelParts parts{.config = model_dir, .tokenizer = model_dir, .weights = model_dir};
  parts.has_adapter = path_exists(model_dir / kAdapterConfigFile);
  if (!options.base.empty() && (!parts.has_adapter || !options.file.empty())) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[--base {}] {}. Leave it out.", options.base.string(),
                            parts.has_adapter ? "--weights names the weights, and no adapter is merged into those"
                                              : "the model's folder has no adapter, which alone needs a base"));
  }
  if (parts.has_adapter && options.file.empty()) {
    parts.merges = true;
    parts.weights = base_of(model_dir, options);
    if (!path_exists(model_dir / "config.json")) parts.config = parts.weights;
    if (!has_tokenizer(model_dir)) parts.tokenizer = parts.weights;
  }
  check_config(parts.config);
  return parts;
}

}  // namespace paceline
