#include "train/starting_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/json_text.h"
#include "base/paths.h"
#include "checkpoint/weight_files.h"
#include "checkpoint/weight_names.h"
#include "model/weight_check.h"
#include "model_folder/tokenizer_files.h"
#include "network/architecture.h"
#include "paceline/error.h"
#include "statistics/random.h"
#include "tensor/safetensors.h"
#include "words/counted.h"

namespace paceline {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostTokenizerBytes = std::size_t{1} << 30;
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kConfigFile = "config.json";

/// What transformers calls the standard deviation of new weights, by architecture.
constexpr const char* kDeviationKeys[] = {"initializer_range", "init_std"};
constexpr double kUsualDeviation = 0.02;

/// Keys that would contradict what is written, or that are of files that are not.
constexpr const char* kStaleKeys[] = {"num_labels", "_num_labels", "paceline_random_weights", "auto_map"};

Json labels_json(const std::vector<std::string>& labels) {
  Json json = Json::object();
  for (std::size_t i = 0; i < labels.size(); ++i) json[std::to_string(i)] = labels[i];
  return json;
}

Json numbers_json(const std::vector<std::string>& labels) {
  Json json = Json::object();
  for (std::size_t i = 0; i < labels.size(); ++i) json[labels[i]] = i;
  return json;
}

std::string config_path(const Checkpoint& checkpoint) { return (checkpoint.parts().config / kConfigFile).string(); }

Json classifier_config(const Checkpoint& checkpoint, const LabelScheme& scheme) {
  Json config = read_json_file(config_path(checkpoint));
  for (const char* key : kStaleKeys) config.erase(key);
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (config.contains(key)) config[key] = "float32";
  }
  config["architectures"] = {classifier_class(checkpoint.network().architecture)};
  config["id2label"] = labels_json(scheme.labels);
  config["label2id"] = numbers_json(scheme.labels);
  config["problem_type"] = problem_type_name(scheme.type);
  return config;
}

double deviation(const Json& config) {
  for (const char* key : kDeviationKeys) {
    const auto found = config.find(key);
    if (found != config.end() && found->is_number()) return std::fabs(found->get<double>());
  }
  return kUsualDeviation;
}

/// Box and Muller. Each weight has a stream of its own, so that none depends on which others are new.
std::vector<float> draw_normal(std::size_t count, double deviation, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    value = static_cast<float>(deviation * radius * std::cos(2 * std::numbers::pi * random.uniform()));
  }
  return values;
}

/// A new weight of a head: what is not named here has one axis.
std::vector<float> new_values(const Weight& weight, const std::set<std::string>& ones, double deviation,
                              uint64_t seed) {
  int64_t count = 1;
  for (const int64_t size : weight.shape) count *= size;
  const auto elements = static_cast<std::size_t>(count);
  if (ones.contains(weight.name)) return std::vector<float>(elements, 1.0F);
  if (weight.shape.size() < 2) return std::vector<float>(elements);
  return draw_normal(elements, deviation, seed);
}

std::set<std::string> norm_scales(const std::vector<HeadStep>& head) {
  std::set<std::string> names;
  for (const HeadStep& step : head) names.insert(step.norm.scale.name);
  return names;
}

Network encoder_of(Network network) {
  network.head.clear();
  return network;
}

std::set<std::string> weight_names(const Network& network) {
  std::set<std::string> names;
  for_each_weight(network, [&](const Weight& weight) { names.insert(weight.name); });
  return names;
}

/// What the checkpoint's files have beside its network: the head that an encoder was pre-trained with.
TensorMap stored_tensors(const Checkpoint& checkpoint, WeightFiles& files) {
  files = open_weight_files(checkpoint.parts().weights, checkpoint.options());
  TensorMap tensors = files.tensors;
  rename_tensors(tensors, checkpoint.network().architecture == "modernbert", checkpoint.model_dir().string());
  return tensors;
}

/// Tensors and the memory of those that were computed.
struct TensorList {
  std::vector<NamedTensor> tensors;
  std::vector<std::vector<float>> values;

  void add(const std::string& name, const Shape& shape, std::vector<float> of) {
    values.push_back(std::move(of));
    tensors.push_back({name, {.dtype = DType::kF32, .shape = shape, .bytes = std::as_bytes(std::span(values.back()))}});
  }
};

}  // namespace

ClassifierFolder::ClassifierFolder(const Checkpoint& checkpoint, const LabelScheme& scheme)
    : checkpoint_(checkpoint),
      config_(classifier_config(checkpoint, scheme)),
      network_(describe_network(config_, {}, config_path(checkpoint))) {
  const std::string& here = network_.embeddings.words.name;
  const std::string& stored = checkpoint.network().embeddings.words.name;
  if (here.ends_with(stored)) added_prefix_ = here.substr(0, here.size() - stored.size());
}

std::string ClassifierFolder::stored_name(const std::string& name) const {
  return name.starts_with(added_prefix_) ? name.substr(added_prefix_.size()) : name;
}

void ClassifierFolder::write_start(const fs::path& folder, uint64_t seed) const {
  const std::set<std::string> encoder = weight_names(encoder_of(network_));
  const std::set<std::string> ones = norm_scales(network_.head);
  const double spread = deviation(config_);
  Random seeds(seed);
  WeightFiles files;
  const TensorMap stored = stored_tensors(checkpoint_, files);
  const std::string opening = fmt::format("[{}]", checkpoint_.model_dir().string());
  TensorList list;
  for_each_weight(network_, [&](const Weight& weight) {
    const uint64_t own_seed = seeds.next();
    if (encoder.contains(weight.name)) {
      const Weight of_file{stored_name(weight.name), weight.shape};
      check_weight(of_file, checkpoint_.tensor(of_file), opening);
      list.add(weight.name, weight.shape, checkpoint_.values(of_file));
      return;
    }
    for (const std::string& name : {weight.name, stored_name(weight.name)}) {
      const auto found = stored.find(name);
      if (found == stored.end() || found->second.shape != weight.shape || !is_float(found->second.dtype)) continue;
      check_weight({name, weight.shape}, found->second, opening);
      std::vector<float> values(static_cast<std::size_t>(found->second.elements()));
      convert_to_float(found->second, 0, values);
      list.add(weight.name, weight.shape, std::move(values));
      return;
    }
    list.add(weight.name, weight.shape, new_values(weight, ones, spread, own_seed));
  });
  write_all(folder, list.tensors);
}

void ClassifierFolder::write_trained(const fs::path& folder, std::span<const NamedTensor> weights) const {
  std::map<std::string, const TensorView*, std::less<>> trained;
  for (const NamedTensor& weight : weights) trained.emplace(weight.name, &weight.tensor);
  std::vector<NamedTensor> tensors;
  for_each_weight(network_, [&](const Weight& weight) {
    const auto found = trained.find(stored_name(weight.name));
    if (found == trained.end() || found->second->shape != weight.shape) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[finetune] the weights that were trained have no \"{}\" of the shape {}. --restart "
                              "trains anew.",
                              weight.name, shape_text(weight.shape)));
    }
    tensors.push_back({weight.name, *found->second});
  });
  write_all(folder, tensors);
}

void ClassifierFolder::write_all(const fs::path& folder, const std::vector<NamedTensor>& tensors) const {
  // transformers refuses weights whose file does not say what they were made with.
  write_safetensors(folder / kWeightsFile, tensors, {{"format", "pt"}});
  write_file_atomically(folder / kConfigFile, config_.dump(2) + "\n");
  for (const std::string& name : classifier_files()) {
    const fs::path source = checkpoint_.parts().tokenizer / name;
    if (name == kWeightsFile || name == kConfigFile || !path_exists(source)) continue;
    write_file_atomically(folder / name, read_file(source, kMostTokenizerBytes));
  }
}

std::vector<std::string> classifier_files() {
  std::vector<std::string> names{kConfigFile, kWeightsFile, kTokenizerFile};
  names.insert(names.end(), kTokenizerSettings.begin(), kTokenizerSettings.end());
  names.insert(names.end(), kVocabularyFiles.begin(), kVocabularyFiles.end());
  return names;
}

std::vector<std::string> frozen_weights(const Network& network, const std::string& freeze) {
  if (freeze.empty()) return {};
  const std::set<std::string> encoder = weight_names(encoder_of(network));
  if (freeze == "encoder") return {encoder.begin(), encoder.end()};
  const auto layers = static_cast<int64_t>(network.layers.size());
  int64_t first = 0;
  if (freeze != "embeddings") {
    const auto [end, error] = std::from_chars(freeze.data(), freeze.data() + freeze.size(), first);
    if (error != std::errc() || end != freeze.data() + freeze.size() || first < 0 || first > layers) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[finetune] --freeze \"{}\" was given, expected encoder, embeddings or a number of "
                              "layers: the model has {}.",
                              freeze, layers));
    }
  }
  Network rest = encoder_of(network);
  rest.embeddings = {};
  std::vector<Block> used;
  for (auto layer = static_cast<std::size_t>(first); layer < network.layers.size(); ++layer) {
    used.push_back(network.layer(layer));
  }
  rest.blocks = std::move(used);
  rest.layers.clear();
  const std::set<std::string> trained = weight_names(rest);
  std::vector<std::string> names;
  std::ranges::set_difference(encoder, trained, std::back_inserter(names));
  return names;
}

}  // namespace paceline
