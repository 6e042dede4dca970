#include "checkpoint/weight_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/paths.h"
#include "checkpoint/folder_hint.h"
#include "checkpoint/weight_names.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

/// The two ways in which a folder holds weights of one kind.
struct Layout {
  const char* single;
  const char* index;
  const char* ending;  ///< of shards
};

/// safetensors where it is there: it is mapped as it is.
constexpr std::array<Layout, 2> kLayouts = {{{"model.safetensors", "model.safetensors.index.json", ".safetensors"},
                                             {"pytorch_model.bin", "pytorch_model.bin.index.json", ".bin"}}};

constexpr std::size_t kMostShards = 1000;

[[noreturn]] void throw_no_weights(const fs::path& model_dir) {
  throw Error(ErrorCode::kNotFound,
              fmt::format("[{}] the folder has no weights, {} or {} was expected. {}", model_dir.string(),
                          kLayouts[0].single, kLayouts[1].single, folder_hint(model_dir)));
}

/// A shard's name has to be a plain file name: the index comes from outside and must not lead elsewhere.
void check_shard_name(const std::string& name, const Layout& layout, std::string_view where) {
  const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
                     name.find('\0') == std::string::npos && fs::path(name).extension() == layout.ending;
  if (!plain) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the shard \"{}\" was expected to be the name of a {} "
                                                     "file in the same folder.",
                                                     where, excerpt(name), layout.ending));
  }
}

/// Tensor name -> shard, as the index has it.
std::map<std::string, std::string> read_index(const fs::path& path, const Layout& layout) {
  const Json index = read_json_file(path);
  const auto weight_map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || weight_map == index.end() || !weight_map->is_object() || weight_map->empty()) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"weight_map\" was expected as an object of tensor and file names.", path.string()));
  }
  std::map<std::string, std::string> shards;
  std::set<std::string> distinct;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string()) {
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the shard of tensor {} was expected to be a file name.",
                                                       path.string(), excerpt(tensor)));
    }
    const std::string name = shard.get<std::string>();
    check_shard_name(name, layout, path.string());
    distinct.insert(name);
    shards.emplace(tensor, name);
  }
  if (distinct.size() > kMostShards) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {} shards were given, at most {} were expected.",
                                                     path.string(), distinct.size(), kMostShards));
  }
  return shards;
}

/// Maps one file and adds its tensors, none of which another file may have.
void add_file(const fs::path& model_dir, const std::string& name, WeightFiles* weights) {
  WeightFile file = WeightFile::open(model_dir / name);
  for (const NamedTensor& named : file.tensors()) {
    if (!weights->tensors.emplace(named.name, named.tensor).second) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the tensor {} is in another shard too, one place was expected.",
                              (model_dir / name).string(), excerpt(named.name)));
    }
  }
  weights->names.emplace_back(name);
  weights->files.push_back(std::move(file));
}

void add_shard(const fs::path& model_dir, const std::string& name, const Layout& layout, WeightFiles* weights) {
  if (!path_exists(model_dir / name)) {
    throw Error(ErrorCode::kNotFound, fmt::format("[{}] the shard {} is missing, {} names it. Fetch the whole folder.",
                                                  model_dir.string(), name, layout.index));
  }
  add_file(model_dir, name, weights);
}

WeightFiles open_shards(const fs::path& model_dir, const Layout& layout) {
  const std::map<std::string, std::string> shards = read_index(model_dir / layout.index, layout);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shards) {
    names.insert(shard);
  }
  WeightFiles weights;
  std::map<std::string, std::string, std::less<>> holder;
  for (const std::string& name : names) {
    add_shard(model_dir, name, layout, &weights);
    for (const NamedTensor& named : weights.files.back().tensors()) {
      holder.emplace(named.name, name);
    }
  }
  for (const auto& [tensor, shard] : shards) {
    const auto found = holder.find(tensor);
    if (found == holder.end() || found->second != shard) {
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the tensor {} is not in {}, where the index puts it.",
                                                       (model_dir / layout.index).string(), excerpt(tensor), shard));
    }
  }
  return weights;
}

WeightFiles open_folder(const fs::path& model_dir) {
  for (const Layout& layout : kLayouts) {
    if (path_exists(model_dir / layout.single)) {
      WeightFiles weights;
      add_file(model_dir, layout.single, &weights);
      return weights;
    }
    if (path_exists(model_dir / layout.index)) {
      return open_shards(model_dir, layout);
    }
  }
  throw_no_weights(model_dir);
}

WeightFiles open_file(const fs::path& file) {
  if (is_folder(file)) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] --weights names a folder, a file with a state_dict was expected.", file.string()));
  }
  WeightFiles weights;
  add_file({}, absolute_path(file).string(), &weights);
  return weights;
}

/// The name without the prefix and the dot after it; empty where it does not begin with it.
std::string_view without_prefix(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  return name.starts_with('.') ? name.substr(1) : name;
}

TensorMap tensors_below(const std::string& prefix, const TensorMap& tensors) {
  TensorMap kept;
  for (const auto& [name, tensor] : tensors) {
    const std::string_view rest = without_prefix(name, prefix);
    if (!rest.empty()) kept.emplace(rest, tensor);
  }
  return kept;
}

/// Looks for the prefix behind those that need no flag, too.
void take_off_prefix(const std::string& prefix, const fs::path& model_dir, WeightFiles* weights) {
  TensorMap kept = tensors_below(prefix, weights->tensors);
  if (kept.empty()) {
    TensorMap renamed = weights->tensors;
    rename_tensors(renamed, false, (model_dir / weights->names.front()).string());
    kept = tensors_below(prefix, renamed);
  }
  if (kept.empty()) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] no tensor's name begins with the --prefix \"{}\", the first is {}.",
                            (model_dir / weights->names.front()).string(), excerpt(prefix),
                            weights->tensors.empty() ? "missing" : excerpt(weights->tensors.begin()->first)));
  }
  weights->without_prefix = static_cast<int64_t>(weights->tensors.size() - kept.size());
  weights->tensors = std::move(kept);
}

}  // namespace

void WeightFiles::keep(const std::string& name, std::vector<float> values) {
  computed.push_back(std::move(values));
  TensorView& tensor = tensors.at(name);
  tensor = {.dtype = DType::kF32, .shape = tensor.shape, .bytes = std::as_bytes(std::span(computed.back()))};
}

bool has_weights(const fs::path& model_dir) {
  return std::any_of(kLayouts.begin(), kLayouts.end(), [&](const Layout& layout) {
    return path_exists(model_dir / layout.single) || path_exists(model_dir / layout.index);
  });
}

WeightFiles open_weight_files(const fs::path& model_dir, const CheckpointOptions& options) {
  WeightFiles weights = options.file.empty() ? open_folder(model_dir) : open_file(options.file);
  if (!options.prefix.empty()) take_off_prefix(options.prefix, model_dir, &weights);
  return weights;
}

}  // namespace paceline
