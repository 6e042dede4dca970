#include "checkpoint/weight_files.h"

#include <fmt/format.h>

#include <set>
#include <system_error>
#include <utility>

#include "base/json.h"
#include "base/suggest.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::size_t kMostShards = 1000;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

[[noreturn]] void throw_no_weights(const fs::path& model_dir) {
  std::string hint = "Name a folder as Hugging Face's save_pretrained writes it.";
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"}) {
    if (is_there(model_dir / other)) {
      hint = fmt::format(
          "There is {}: load it with transformers and save it by "
          "model.save_pretrained(folder, safe_serialization=True).",
          other);
      break;
    }
  }
  throw Error(ErrorCode::kNotFound, fmt::format("[{}] the folder has no weights, {} was expected. {}",
                                                model_dir.string(), kSingleFile, hint));
}

/// A shard's name has to be a plain file name: the index comes from outside and must not lead elsewhere.
void check_shard_name(const std::string& name, std::string_view where) {
  const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
                     name.find('\0') == std::string::npos && fs::path(name).extension() == ".safetensors";
  if (!plain) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the shard \"{}\" was expected to be the name of a "
                                                     ".safetensors file in the same folder.",
                                                     where, excerpt(name)));
  }
}

/// Tensor name -> shard, as the index has it.
std::map<std::string, std::string> read_index(const fs::path& path) {
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
    check_shard_name(name, path.string());
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
  SafetensorsFile file = SafetensorsFile::open(model_dir / name);
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

void add_shard(const fs::path& model_dir, const std::string& name, WeightFiles* weights) {
  if (!is_there(model_dir / name)) {
    throw Error(ErrorCode::kNotFound, fmt::format("[{}] the shard {} is missing, {} names it. Fetch the whole folder.",
                                                  model_dir.string(), name, kIndexFile));
  }
  add_file(model_dir, name, weights);
}

WeightFiles open_shards(const fs::path& model_dir) {
  const std::map<std::string, std::string> shards = read_index(model_dir / kIndexFile);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shards) {
    names.insert(shard);
  }
  WeightFiles weights;
  std::map<std::string, std::string, std::less<>> holder;
  for (const std::string& name : names) {
    add_shard(model_dir, name, &weights);
    for (const NamedTensor& named : weights.files.back().tensors()) {
      holder.emplace(named.name, name);
    }
  }
  for (const auto& [tensor, shard] : shards) {
    const auto found = holder.find(tensor);
    if (found == holder.end() || found->second != shard) {
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the tensor {} is not in {}, where the index puts it.",
                                                       (model_dir / kIndexFile).string(), excerpt(tensor), shard));
    }
  }
  return weights;
}

}  // namespace

WeightFiles open_weight_files(const fs::path& model_dir) {
  if (is_there(model_dir / kSingleFile)) {
    WeightFiles weights;
    add_file(model_dir, kSingleFile, &weights);
    return weights;
  }
  if (is_there(model_dir / kIndexFile)) {
    return open_shards(model_dir);
  }
  throw_no_weights(model_dir);
}

}  // namespace paceline
