#include "checkpoint/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

#include "base/paths.h"
#include "checkpoint/weight_names.h"
#include "network/labels.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeight = ".weight";

TensorMap map_of(const WeightFile& file) {
  TensorMap tensors;
  for (const NamedTensor& named : file.tensors()) tensors.emplace(named.name, named.tensor);
  return tensors;
}

/// The part of a name behind its first part; empty where there is none.
std::string_view behind_first_part(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

/// The names that a base has for its tensors.
class StoredNames {
 public:
  explicit StoredNames(const TensorMap& stored) {
    for (const auto& [name, tensor] : stored) {
      names_.insert(name);
      by_rest_.emplace(behind_first_part(name), name);
    }
  }

  /// The base's name of a tensor: the same, or without or with the part before its encoder, which a bare encoder is
  /// saved without. Empty where there is none.
  std::string find(std::string_view name) const {
    if (names_.contains(name)) return std::string(name);
    const std::string_view rest = behind_first_part(name);
    if (rest.find('.') != std::string_view::npos && names_.contains(rest)) return std::string(rest);
    const auto longer = by_rest_.find(name);
    return longer == by_rest_.end() ? std::string() : longer->second;
  }

 private:
  std::set<std::string, std::less<>> names_;
  std::map<std::string, std::string, std::less<>> by_rest_;
};

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  convert_to_float(tensor, 0, values);
  return values;
}

/// [columns, rows] of [rows, columns].
std::vector<float> turned(const std::vector<float>& values, std::size_t rows, std::size_t columns) {
  std::vector<float> turned(values.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < columns; ++k) turned[k * rows + i] = values[i * columns + k];
  }
  return turned;
}

/// A matrix in rows, as large as a stored weight.
struct Matrix {
  std::vector<float> values;
  std::size_t rows = 0;
  std::size_t columns = 0;

  std::span<float> row(std::size_t index) { return std::span(values).subspan(index * columns, columns); }
};

/// weight += scaling left right, left [rows, rank], right [rank, columns].
void add_product(Matrix& weight, const std::vector<float>& left, const std::vector<float>& right, float scaling) {
  const std::size_t rank = right.size() / weight.columns;
  std::vector<float> sums(weight.columns);
  for (std::size_t i = 0; i < weight.rows; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::size_t k = 0; k < rank; ++k) {
      const float factor = left[i * rank + k];
      const float* from = right.data() + k * weight.columns;
      for (std::size_t n = 0; n < weight.columns; ++n) sums[n] += factor * from[n];
    }
    const std::span<float> row = weight.row(i);
    for (std::size_t n = 0; n < weight.columns; ++n) row[n] += sums[n] * scaling;
  }
}

/// DoRA: each output's weights get the length that was learned for them.
void set_lengths(Matrix& weight, const std::vector<float>& lengths, bool transposed) {
  std::vector<double> squares(lengths.size());
  const auto output = [&](std::size_t i, std::size_t n) { return transposed ? n : i; };
  for (std::size_t i = 0; i < weight.rows; ++i) {
    const std::span<const float> row = weight.row(i);
    for (std::size_t n = 0; n < row.size(); ++n) squares[output(i, n)] += static_cast<double>(row[n]) * row[n];
  }
  for (std::size_t i = 0; i < weight.rows; ++i) {
    const std::span<float> row = weight.row(i);
    for (std::size_t n = 0; n < row.size(); ++n) {
      row[n] *= lengths[output(i, n)] / static_cast<float>(std::sqrt(squares[output(i, n)]));
    }
  }
}

/// What the class of a config's model is for sequence classification: BertForMaskedLM -> BertForSequenceClassification.
std::string classifier_class(const Json& config) {
  constexpr std::string_view kEnding = "ForSequenceClassification";
  const auto field = config.find("architectures");
  if (field == config.end() || !field->is_array() || field->empty() || !field->front().is_string()) return {};
  const std::string name = field->front().get<std::string>();
  if (name.ends_with(kEnding)) return name;
  std::size_t end = name.find("For");
  if (end == std::string::npos) end = name.find("LMHead");
  if (end == std::string::npos && name.ends_with("Model")) end = name.size() - std::string_view("Model").size();
  return name.substr(0, end) + std::string(kEnding);
}

/// The last layer of a head, by the names that the architectures have for it.
const TensorView* find_outputs(const TensorMap& tensors) {
  for (const char* name : {"classifier.out_proj.weight", "classifier.weight", "score.weight", "logits_proj.weight",
                           "sequence_summary.summary.weight"}) {
    const auto found = tensors.find(name);
    if (found != tensors.end() && found->second.shape.size() == 2) return &found->second;
  }
  return nullptr;
}

/// Throws where a tensor of the adapter does not fit the base.
void expect_shape(const TensorView& tensor, const Shape& shape, const std::string& what, const fs::path& where) {
  if (tensor.shape == shape && is_float(tensor.dtype)) return;
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] {} has the shape {} of {}, {} of floats was expected. Does the "
                          "adapter belong to this base?",
                          where.string(), what, shape_text(tensor.shape), dtype_name(tensor.dtype), shape_text(shape)));
}

}  // namespace

Adapter Adapter::open(const fs::path& folder) {
  Adapter adapter;
  adapter.config_ = read_adapter_config(folder);
  adapter.paths_.push_back(folder / kAdapterConfigFile);
  for (const char* name : kAdapterWeights) {
    if (!path_exists(folder / name)) continue;
    adapter.where_ = folder / name;
    adapter.paths_.push_back(adapter.where_);
    adapter.opened_.push_back(WeightFile::open(adapter.where_));
    adapter.tensors_ = sort_peft_tensors(map_of(adapter.opened_.front()), PeftForm::kAdapter, adapter.where_.string());
    return adapter;
  }
  throw Error(ErrorCode::kNotFound, fmt::format("[{}] it has {} and no {}. Fetch the whole folder.", folder.string(),
                                                kAdapterConfigFile, kAdapterWeights[0]));
}

Adapter Adapter::take_from(WeightFiles* weights, const fs::path& folder) {
  const fs::path where = folder / weights->names.front();
  const std::string what = fmt::format("[{}] it holds a PEFT model that is not merged", where.string());
  if (!path_exists(folder / kAdapterConfigFile)) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("{}, and {}, which says how much of the adapter counts, is not beside it. Save it with PEFT "
                    "after model = model.merge_and_unload(), by model.save_pretrained(folder).",
                    what, kAdapterConfigFile));
  }
  for (const char* name : kAdapterWeights) {
    if (!path_exists(folder / name)) continue;
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{}, and there is {} too. Leave one of them in the folder.", what, name));
  }
  Adapter adapter;
  adapter.beside_ = false;
  adapter.config_ = read_adapter_config(folder);
  adapter.paths_.push_back(folder / kAdapterConfigFile);
  adapter.where_ = where;
  adapter.tensors_ = sort_peft_tensors(weights->tensors, PeftForm::kStateDict, where.string());
  for (const std::string& module : adapter.tensors_.wrapped) {
    if (adapter.tensors_.modules.contains(module)) continue;
    throw Error(ErrorCode::kCorruptData,
                fmt::format("{}, and the adapter of {} is missing. {}", what, excerpt(module), kMergeWithPeft));
  }
  weights->tensors = std::exchange(adapter.tensors_.plain, {});
  return adapter;
}

void Adapter::check_module(const std::string& module) const {
  const std::vector<std::string>& targets = config_.target_modules;
  const bool named = targets.empty() || !ending_of(module, targets).empty();
  const bool there = targets.empty() || config_.layers.empty() || is_in_layer(module, config_.layers);
  if (named && there) return;
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] the module {} has an adapter, which {} does not ask for in \"{}\". "
                          "Are both files of one adapter?",
                          where_.string(), excerpt(module), kAdapterConfigFile,
                          named ? "layers_to_transform" : "target_modules"));
}

void Adapter::join(WeightFiles* weights) {
  const StoredNames names(weights->tensors);
  for (const auto& [module, factors] : tensors_.modules) {
    check_module(module);
    const std::string stored = names.find(module + std::string(kWeight));
    if (stored.empty()) {
      throw Error(
          ErrorCode::kCorruptData,
          fmt::format("[{}] the adapter changes the module {}, which the base does not have. Is it the adapter's "
                      "base? {} names \"{}\".",
                      where_.string(), excerpt(module), kAdapterConfigFile, excerpt(config_.base)));
    }
    stored_[module] = stored.substr(0, stored.size() - kWeight.size());
  }
  for (const auto& [name, tensor] : tensors_.plain) {
    const std::string stored = names.find(name);
    weights->tensors[stored.empty() ? name : stored] = tensor;
    replaced_.insert(stored.empty() ? name : stored);
  }
  std::ranges::move(std::exchange(opened_, {}), std::back_inserter(weights->files));
}

void Adapter::compare_base(const fs::path& named, const WeightFiles& weights, bool keeps_model) const {
  WeightFiles base = open_weight_files(named);
  rename_tensors(base.tensors, keeps_model, named.string());
  const StoredNames names(base.tensors);
  for (const auto& [module, stored] : stored_) {
    const std::string own = names.find(stored + ".weight");
    if (own.empty() || same_content(base.tensors.at(own), weights.tensors.at(stored + ".weight"))) continue;
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("[{}] the weights beside the adapter are not those of its base {}: they may have it in them. "
                    "Name the base with --base DIR, or the merged weights with --weights FILE.",
                    where_.string(), named.string()));
  }
}

void Adapter::fit_config(const WeightFiles& weights, Json* config, std::vector<std::string>* notices) const {
  const TensorView* outputs = find_outputs(weights.tensors);
  if (config_.task != "SEQ_CLS" || outputs == nullptr || !config->is_object()) return;
  if (const std::string name = classifier_class(*config); !name.empty()) (*config)["architectures"] = {name};
  const int64_t labels = outputs->shape.front();
  const auto named = config->find("id2label");
  const bool counted = named != config->end() && named->is_object();
  // transformers has two where neither is given.
  const int64_t known = counted ? static_cast<int64_t>(named->size())
                                : json_integer(*config, "num_labels", "config.json", 0, kMostLabels, 2);
  if (known == labels || labels > kMostLabels) return;
  Json names = Json::object();
  for (int64_t i = 0; i < labels; ++i) names[std::to_string(i)] = fmt::format("LABEL_{}", i);
  (*config)["id2label"] = names;
  config->erase("label2id");
  config->erase("num_labels");
  notices->push_back(
      fmt::format("the adapter has {} labels and its base's config.json names {}: they are called LABEL_0 "
                  "and so on; a config.json beside the adapter names them",
                  labels, known));
}

void Adapter::check_complete(const Network& network) const {
  std::set<std::string> adapted;
  for (const auto& [module, stored] : stored_) adapted.insert(stored);
  const auto refuse = [&](const std::string& missing, std::string_view keys, std::string_view entry) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] it has no {}, which {} asks for: {} name \"{}\". Is the adapter complete?",
                            where_.string(), missing, kAdapterConfigFile, keys, excerpt(entry)));
  };
  for_each_weight(network, [&](const Weight& weight) {
    const std::string_view name = weight.name;
    const bool replaced = replaced_.contains(weight.name);
    const std::string saved = beside_ && !replaced ? config_.replaced_by(name) : std::string();
    if (!saved.empty()) refuse(fmt::format("tensor {}", excerpt(name)), "\"modules_to_save\" and \"task_type\"", saved);
    if (replaced || weight.shape.size() != 2 || !name.ends_with(kWeight)) return;
    const std::string module(name.substr(0, name.size() - kWeight.size()));
    const std::string target = adapted.contains(module) ? std::string() : config_.target_of(module);
    if (!target.empty()) refuse(fmt::format("factors of the module {}", excerpt(module)), "\"target_modules\"", target);
  });
}

void Adapter::merge(const std::set<std::string>& transposed, WeightFiles* weights) const {
  for (const auto& [module, factors] : tensors_.modules) {
    merge_weight(module, factors, transposed, weights);
    if (factors.bias) merge_bias(module, factors, weights);
  }
}

void Adapter::merge_weight(const std::string& module, const LoraTensors& factors,
                           const std::set<std::string>& transposed, WeightFiles* weights) const {
  const std::string name = stored_.at(module) + ".weight";
  const TensorView& target = weights->tensors.at(name);
  if (target.shape.size() != 2 || !is_float(target.dtype)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the module {} is no dense layer or table in floats, whose adapter can be merged. {}",
                            where_.string(), excerpt(module), kMergeWithPeft));
  }
  if (config_.dora != factors.magnitude.has_value() || (factors.embedding && config_.dora)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] \"use_dora\" is {}, which the tensors of the module {} do not fit. {}",
                            where_.string(), config_.dora, excerpt(module), kMergeWithPeft));
  }
  const bool turn = factors.embedding || transposed.contains(name);
  const int64_t rank = config_.rank_of(module);
  const int64_t outputs = target.shape[turn ? 1 : 0];
  expect_shape(*factors.a, {rank, target.shape[turn ? 0 : 1]}, fmt::format("the first factor of {}", excerpt(module)),
               where_);
  expect_shape(*factors.b, {outputs, rank}, fmt::format("the second factor of {}", excerpt(module)), where_);
  Matrix weight{floats_of(target), static_cast<std::size_t>(target.shape[0]),
                static_cast<std::size_t>(target.shape[1])};
  const std::vector<float> a = floats_of(*factors.a);
  const std::vector<float> b = floats_of(*factors.b);
  const auto r = static_cast<std::size_t>(rank);
  const auto scaling = static_cast<float>(config_.scaling_of(module));
  if (turn) {
    add_product(weight, turned(a, r, weight.rows), turned(b, weight.columns, r), scaling);
  } else {
    add_product(weight, b, a, scaling);
  }
  if (factors.magnitude) {
    expect_shape(*factors.magnitude, {outputs}, fmt::format("the lengths of {}", excerpt(module)), where_);
    set_lengths(weight, floats_of(*factors.magnitude), turn);
  }
  weights->keep(name, std::move(weight.values));
}

void Adapter::merge_bias(const std::string& module, const LoraTensors& factors, WeightFiles* weights) const {
  const std::string name = stored_.at(module) + ".bias";
  const auto own = weights->tensors.find(name);
  if (own == weights->tensors.end()) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the adapter of {} has a bias, the base has none. {}",
                                                     where_.string(), excerpt(module), kMergeWithPeft));
  }
  expect_shape(*factors.bias, own->second.shape, fmt::format("the bias of {}", excerpt(module)), where_);
  expect_shape(own->second, factors.bias->shape, fmt::format("the base's bias of {}", excerpt(module)), where_);
  std::vector<float> sum = floats_of(own->second);
  const std::vector<float> added = floats_of(*factors.bias);
  const auto scaling = static_cast<float>(config_.scaling_of(module));
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += added[i] * scaling;
  weights->keep(name, std::move(sum));
}

std::string Adapter::summary() const {
  std::set<int64_t> ranks;
  for (const auto& [module, factors] : tensors_.modules) ranks.insert(config_.rank_of(module));
  std::string text = config_.dora ? "DoRA" : "LoRA";
  if (ranks.size() == 1) text += fmt::format(" of rank {}", *ranks.begin());
  if (ranks.size() > 1) text += fmt::format(" of ranks {} to {}", *ranks.begin(), *ranks.rbegin());
  text += fmt::format(" on {} modules", tensors_.modules.size());
  if (!replaced_.empty()) text += fmt::format(", with {} whole tensors", replaced_.size());
  return text;
}

std::set<std::string> transposed_weights(const Network& network) {
  std::set<std::string> names;
  for (const Block& block : network.blocks) {
    const SelfAttention& attention = block.attention;
    for (const Dense* dense : {&attention.query, &attention.key, &attention.value, &attention.output, &block.ffn.up,
                               &block.ffn.gate, &block.ffn.down}) {
      if (dense->transposed) names.insert(dense->weight.name);
    }
  }
  return names;
}

}  // namespace paceline
