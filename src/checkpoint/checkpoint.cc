#include "checkpoint/checkpoint.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/json.h"
#include "base/suggest.h"
#include "checkpoint/model_config.h"
#include "checkpoint/weight_files.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// config.json of a classifier with 100,000 labels has some 6 MB.
constexpr JsonLimits kConfigLimits{.max_bytes = std::size_t{16} << 20, .max_depth = 32};

Json read_config_json(const fs::path& model_dir) {
  std::error_code ignored;
  if (!fs::is_directory(model_dir, ignored)) {
    const bool there = fs::exists(model_dir, ignored);
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] {}. Name a model folder with config.json, model.safetensors "
                            "and tokenizer.json.",
                            model_dir.string(), there ? "a folder was expected, this is a file" : "no such folder"));
  }
  if (!fs::exists(model_dir / "config.json", ignored)) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] the folder has no config.json. Name a model folder with config.json, "
                            "model.safetensors and tokenizer.json.",
                            model_dir.string()));
  }
  return read_json_file(model_dir / "config.json", kConfigLimits);
}

/// limit_length of the folder's tokenizer_config.json, which may be missing.
int32_t read_max_length(const fs::path& model_dir, const Network& network) {
  const fs::path path = model_dir / "tokenizer_config.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return network.max_tokens;
  }
  return limit_length(read_json_file(path, kConfigLimits), network.max_tokens, path.string());
}

std::vector<std::string> names_of(const std::map<std::string, TensorView, std::less<>>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    names.push_back(name);
  }
  return names;
}

/// What all names begin with, up to a dot.
std::string_view common_prefix(const std::vector<std::string>& names) {
  std::string_view common = names.empty() ? std::string_view() : names.front();
  for (const std::string& name : names) {
    while (!name.starts_with(common)) common.remove_suffix(1);
  }
  return common.substr(0, common.rfind('.') + 1);
}

/// How to reach a tensor that is there behind a prefix; else the nearest name.
std::string name_hint(std::string_view wanted, const std::vector<std::string>& names) {
  const std::string ending = fmt::format(".{}", wanted);
  const auto behind =
      std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.ends_with(ending); });
  if (behind != names.end()) {
    const std::string_view common = common_prefix(names);
    const std::string_view prefix =
        common.empty() ? std::string_view(*behind).substr(0, behind->size() - wanted.size()) : common;
    return fmt::format(" It is there as {}: give --prefix {}", excerpt(*behind), excerpt(prefix));
  }
  const std::string_view nearest = nearest_name(wanted, names);
  return fmt::format("{} Was the checkpoint saved from another architecture?",
                     nearest.empty() ? "" : fmt::format(" The nearest name is {}.", excerpt(nearest)));
}

/// The stored tensor of a weight, which has to be there with the shape that config.json implies and hold floats.
const TensorView& find_checked(const WeightFiles& weights, const Weight& weight, const fs::path& model_dir) {
  const auto found = weights.tensors.find(weight.name);
  if (found == weights.tensors.end()) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] the weights have no tensor {}, which config.json asks for.{}", model_dir.string(),
                            weight.name, name_hint(weight.name, names_of(weights.tensors))));
  }
  const TensorView& tensor = found->second;
  const std::string where = fmt::format("{}: tensor {}", model_dir.string(), weight.name);
  if (tensor.shape != weight.shape) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] its shape is {}, config.json asks for {}.", where,
                                                     shape_text(tensor.shape), shape_text(weight.shape)));
  }
  if (!is_float(tensor.dtype)) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] it holds {}, F32, F16, BF16 or F64 was expected. Use the "
                                                     "checkpoint from before quantising.",
                                                     where, dtype_name(tensor.dtype)));
  }
  return tensor;
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& model_dir, const WeightOptions& options) {
  const Json config = read_config_json(model_dir);
  WeightFiles weights = open_weight_files(model_dir, options);
  std::set<std::string> names;
  for (const auto& [name, tensor] : weights.tensors) {
    names.insert(name);
  }
  ModelConfig read = read_model_config(config, names, (model_dir / "config.json").string());

  Checkpoint checkpoint;
  checkpoint.model_dir_ = model_dir;
  checkpoint.max_length_ = read_max_length(model_dir, read.network);
  std::map<DType, int64_t> elements;
  for_each_weight(read.network, [&](const Weight& weight) {
    const TensorView& tensor = find_checked(weights, weight, model_dir);
    elements[tensor.dtype] += tensor.elements();
    checkpoint.weight_bytes_ += static_cast<int64_t>(tensor.bytes.size());
    checkpoint.tensors_.emplace(weight.name, tensor);
  });
  int64_t most = 0;
  for (const auto& [dtype, count] : elements) {
    if (count > most) {
      most = count;
      checkpoint.dtype_ = dtype;
    }
  }
  checkpoint.network_ = std::move(read.network);
  checkpoint.labels_ = std::move(read.labels);
  checkpoint.problem_type_ = read.problem_type;
  checkpoint.random_weights_ = read.random_weights;
  checkpoint.unused_tensors_ =
      static_cast<int64_t>(weights.tensors.size() - checkpoint.tensors_.size()) + weights.without_prefix;
  checkpoint.without_prefix_ = weights.without_prefix;
  checkpoint.weight_options_ = options;
  if (!options.file.empty()) checkpoint.weight_options_.file = weights.names.front();
  checkpoint.weight_files_ = std::move(weights.names);
  checkpoint.files_ = std::move(weights.files);
  return checkpoint;
}

const TensorView& Checkpoint::tensor(const Weight& weight) const {
  const auto found = tensors_.find(weight.name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kInternal,
                fmt::format("[{}] {} is no weight of its network.", model_dir_.string(), weight.name));
  }
  return found->second;
}

void Checkpoint::release_pages() const {
  for (const WeightFile& file : files_) file.release_pages();
}

std::vector<float> Checkpoint::values(const Weight& weight) const {
  const TensorView& stored = tensor(weight);
  std::vector<float> values(static_cast<std::size_t>(stored.elements()));
  convert_to_float(stored, 0, values);
  return values;
}

CheckpointConfig read_checkpoint_config(const fs::path& model_dir) {
  const ModelConfig read = read_model_config(read_config_json(model_dir), {}, (model_dir / "config.json").string());
  return {.max_length = read_max_length(model_dir, read.network), .token_types = read.network.token_types > 1};
}

fs::path default_cache_dir() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && fs::path(cache).is_absolute()) {
    return fs::path(cache) / "paceline";
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "paceline";
  }
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return fs::path(found->pw_dir) / ".cache" / "paceline";
  }
  throw Error(ErrorCode::kNotFound,
              "[cache] this user has no home folder to keep files in. Set XDG_CACHE_HOME or give --cache-dir.");
}

}  // namespace paceline
