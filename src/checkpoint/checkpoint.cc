#include "checkpoint/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "base/json.h"
#include "base/paths.h"
#include "checkpoint/adapter.h"
#include "checkpoint/folder_hint.h"
#include "checkpoint/model_config.h"
#include "checkpoint/weight_files.h"
#include "checkpoint/weight_names.h"
#include "network/architecture.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// config.json of a classifier with 100,000 labels has some 6 MB.
constexpr JsonLimits kConfigLimits{.max_bytes = std::size_t{16} << 20, .max_depth = 32};

Json read_config_json(const fs::path& folder) { return read_json_file(folder / "config.json", kConfigLimits); }

/// What the folder's tokenizer_config.json, which may be missing, says of the model's input.
struct ModelInput {
  int32_t max_length = 0;
  HandedOutTypes types{};
};

ModelInput read_model_input(const fs::path& model_dir, const Json& config, const Network& network) {
  const fs::path path = model_dir / "tokenizer_config.json";
  const Json tokenizer_config = path_exists(path) ? read_json_file(path, kConfigLimits) : Json::object();
  return {.max_length = limit_length(tokenizer_config, network.max_tokens, path.string()),
          .types = find_handed_out_types(config, tokenizer_config, path.string())};
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

/// A tensor that the network needs and that is there without the prefix alone; empty where there is none.
std::string needed_without(std::string_view prefix, const Network& network, const std::vector<std::string>& names) {
  std::string found;
  const auto there = [&](const std::string& name) { return std::binary_search(names.begin(), names.end(), name); };
  for_each_weight(network, [&](const Weight& weight) {
    if (found.empty() && there(weight.name) && !there(fmt::format("{}{}", prefix, weight.name))) found = weight.name;
  });
  return found;
}

/// How to reach a tensor that is there behind a prefix; else the nearest name. The names are in order.
std::string name_hint(std::string_view wanted, const Network& network, const std::vector<std::string>& names) {
  const std::string ending = fmt::format(".{}", wanted);
  const auto behind =
      std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.ends_with(ending); });
  if (behind != names.end()) {
    const std::string_view common = common_prefix(names);
    const std::string_view prefix =
        common.empty() ? std::string_view(*behind).substr(0, behind->size() - wanted.size()) : common;
    if (const std::string bare = needed_without(prefix, network, names); !bare.empty()) {
      return fmt::format(
          " It is there as {}, but {} is there without {}, so that no --prefix serves both. Save the "
          "weights again with the names {{name.removeprefix(\"{}\"): tensor for name, tensor in "
          "state_dict.items()}}.",
          excerpt(*behind), excerpt(bare), excerpt(prefix), excerpt(prefix));
    }
    return fmt::format(" It is there as {}: give --prefix {}", excerpt(*behind), excerpt(prefix));
  }
  const std::string_view nearest = nearest_name(wanted, names);
  return fmt::format("{} Was the checkpoint saved from another architecture?",
                     nearest.empty() ? "" : fmt::format(" The nearest name is {}.", excerpt(nearest)));
}

/// What to do about a table of words of another length; empty for other weights.
std::string vocabulary_hint(const Shape& shape, const Weight& weight, const Network& network, bool adapted) {
  if (weight.name != network.embeddings.words.name || shape.size() != 2 || shape[1] != weight.shape[1]) return {};
  const std::string remedy =
      adapted ? fmt::format("Put the base's config.json beside the adapter, with \"vocab_size\": {} in it", shape[0])
              : std::string("Is it the config.json of these weights?");
  return fmt::format(" The weights have {} words, \"vocab_size\" is {}. {}", shape[0], weight.shape[0], remedy);
}

/// The stored tensor of a weight, which has to be there with the shape that config.json implies and hold floats.
const TensorView& find_checked(const WeightFiles& weights, const Weight& weight, const Network& network, bool adapted,
                               const fs::path& model_dir) {
  const auto found = weights.tensors.find(weight.name);
  if (found == weights.tensors.end()) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] the weights have no tensor {}, which config.json asks for.{}", model_dir.string(),
                            weight.name, name_hint(weight.name, network, names_of(weights.tensors))));
  }
  const TensorView& tensor = found->second;
  const std::string where = fmt::format("{}: tensor {}", model_dir.string(), weight.name);
  if (tensor.shape != weight.shape) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] its shape is {}, config.json asks for {}.{}", where, shape_text(tensor.shape),
                            shape_text(weight.shape), vocabulary_hint(tensor.shape, weight, network, adapted)));
  }
  if (!is_float(tensor.dtype)) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] it holds {}, F32, F16, BF16 or F64 was expected. Use the "
                                                     "checkpoint from before quantising.",
                                                     where, dtype_name(tensor.dtype)));
  }
  return tensor;
}

/// What a model folder holds, its parts put together, before the network is known.
struct Loaded {
  ModelParts parts;
  Json config;
  WeightFiles weights;
  std::optional<Adapter> adapter;
  std::vector<std::string> notices;
};

/// ModernBERT calls its encoder so; in front of other names Lightning put it there.
bool keeps_model(const Json& config) {
  const auto type = config.is_object() ? config.find("model_type") : config.end();
  return config.is_object() && type != config.end() && *type == "modernbert";
}

/// The adapter beside the weights or in them.
std::optional<Adapter> open_adapter(const fs::path& model_dir, const ModelParts& parts, WeightFiles* weights) {
  if (is_peft_state_dict(weights->tensors)) {
    return Adapter::take_from(weights, (parts.weights / weights->names.front()).parent_path());
  }
  if (parts.merges) return Adapter::open(model_dir);
  return std::nullopt;
}

/// What is said of an adapter that was merged, and of the base where it is not certain to be the right one.
std::string adapter_notice(const Adapter& adapter, const Loaded& loaded, const fs::path& model_dir) {
  const bool beside = loaded.parts.weights == model_dir;
  std::string notice = fmt::format("the adapter ({}) is merged into the weights {}", adapter.summary(),
                                   beside ? "beside it" : "of " + loaded.parts.weights.string());
  if (beside && !adapter.config().base.empty() && !find_base(adapter.config().base, adapter.config().revision)) {
    notice += fmt::format("; its base {} is not here to compare them with", excerpt(adapter.config().base));
  }
  return notice;
}

void join_adapter(const fs::path& model_dir, const CheckpointOptions& options, Loaded* loaded) {
  Adapter& adapter = *loaded->adapter;
  const ModelParts& parts = loaded->parts;
  adapter.join(&loaded->weights);
  adapter.fit_config(loaded->weights, &loaded->config, &loaded->notices);
  if (!parts.merges || parts.weights != model_dir || !options.base.empty()) return;
  const std::optional<fs::path> named = find_base(adapter.config().base, adapter.config().revision);
  std::error_code ignored;
  if (named && !fs::equivalent(*named, model_dir, ignored)) {
    adapter.compare_base(*named, loaded->weights, keeps_model(loaded->config));
  }
}

Loaded load_parts(const fs::path& model_dir, const CheckpointOptions& options) {
  Loaded loaded{
      .parts = find_model_parts(model_dir, options), .config = {}, .weights = {}, .adapter = {}, .notices = {}};
  const ModelParts& parts = loaded.parts;
  loaded.config = read_config_json(parts.config);
  WeightFiles& weights = loaded.weights;
  weights = open_weight_files(parts.weights, options);
  loaded.adapter = open_adapter(model_dir, parts, &weights);
  rename_tensors(weights.tensors, keeps_model(loaded.config), (parts.weights / weights.names.front()).string());
  if (loaded.adapter) {
    join_adapter(model_dir, options, &loaded);
    loaded.notices.insert(loaded.notices.begin(), adapter_notice(*loaded.adapter, loaded, model_dir));
  } else if (parts.has_adapter) {
    loaded.notices.push_back("the adapter in the folder is left out, since --weights names the weights");
  }
  if (parts.weights != model_dir) {
    for (fs::path& name : weights.names) name = absolute_path(parts.weights / name);
  }
  return loaded;
}

/// Names a few of the tensors that nothing uses, other than those that are commonly there.
std::string unused_notice(const std::vector<std::string>& unused, const fs::path& file) {
  constexpr std::size_t kMostNamed = 4;
  std::vector<std::string> strange;
  std::copy_if(unused.begin(), unused.end(), std::back_inserter(strange),
               [](const std::string& name) { return !is_common_extra(name); });
  if (strange.empty()) return {};
  const std::size_t count = strange.size();
  strange.resize(std::min(count, kMostNamed));
  for (std::string& name : strange) name = excerpt(name);
  const std::string more = count > kMostNamed ? fmt::format(" and {} more", count - kMostNamed) : "";
  return fmt::format("{} has tensors that the model of config.json does not use: {}{}", file.string(),
                     fmt::join(strange, ", "), more);
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& model_dir, const CheckpointOptions& options) {
  Loaded loaded = load_parts(model_dir, options);
  WeightFiles& weights = loaded.weights;
  std::set<std::string> names;
  for (const auto& [name, tensor] : weights.tensors) {
    names.insert(name);
  }
  const std::string config_file = (loaded.parts.config / "config.json").string();
  ModelConfig read = read_model_config(loaded.config, names, config_file);

  Checkpoint checkpoint;
  checkpoint.model_dir_ = model_dir;
  checkpoint.parts_ = loaded.parts;
  const ModelInput input = read_model_input(loaded.parts.tokenizer, loaded.config, read.network);
  checkpoint.max_length_ = input.max_length;
  if (loaded.adapter) {
    loaded.adapter->check_complete(read.network);
    loaded.adapter->merge(transposed_weights(read.network), &weights);
    checkpoint.adapter_ = loaded.adapter->summary();
    checkpoint.adapter_files_ = loaded.adapter->files();
  }
  checkpoint.notices_ = std::move(loaded.notices);
  for (std::string& notice : config_notices(loaded.config, read.network, config_file)) {
    checkpoint.notices_.push_back(std::move(notice));
  }
  checkpoint.saved_by_ = paceline::saved_by(loaded.config, {});
  if (!checkpoint.saved_by_.notice.empty()) checkpoint.notices_.push_back(checkpoint.saved_by_.notice);
  checkpoint.take_weights(read.network, weights);
  // The weights of a term that is left out are there and not read.
  checkpoint.token_types_ = apply_token_types(options.token_types, input.types, read.network);
  checkpoint.network_ = std::move(read.network);
  checkpoint.labels_ = std::move(read.labels);
  checkpoint.problem_type_ = read.problem_type;
  checkpoint.random_weights_ = read.random_weights;
  checkpoint.options_ = options;
  if (!options.file.empty()) checkpoint.options_.file = weights.names.front();
  if (loaded.parts.weights != model_dir) {
    checkpoint.options_.base = absolute_path(loaded.parts.weights);
  }
  checkpoint.weight_files_ = std::move(weights.names);
  checkpoint.files_ = std::move(weights.files);
  checkpoint.computed_ = std::move(weights.computed);
  return checkpoint;
}

/// Checks every weight of the network and counts what is left over.
void Checkpoint::take_weights(const Network& network, const WeightFiles& weights) {
  std::map<DType, int64_t> elements;
  for_each_weight(network, [&](const Weight& weight) {
    const TensorView& tensor = find_checked(weights, weight, network, !adapter_.empty(), model_dir_);
    elements[tensor.dtype] += tensor.elements();
    weight_bytes_ += static_cast<int64_t>(tensor.bytes.size());
    tensors_.emplace(weight.name, tensor);
  });
  int64_t most = 0;
  for (const auto& [dtype, count] : elements) {
    if (count > most) {
      most = count;
      dtype_ = dtype;
    }
  }
  std::vector<std::string> unused;
  for (const auto& [name, tensor] : weights.tensors) {
    if (!tensors_.contains(name)) unused.push_back(name);
  }
  unused_tensors_ = static_cast<int64_t>(unused.size()) + weights.without_prefix;
  without_prefix_ = weights.without_prefix;
  std::string notice = unused_notice(unused, weights.names.front());
  if (!notice.empty()) notices_.push_back(std::move(notice));
}

const TensorView& Checkpoint::tensor(const Weight& weight) const {
  const auto found = tensors_.find(weight.name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kInternal,
                fmt::format("[{}] {} is no weight of its network.", model_dir_.string(), weight.name));
  }
  return found->second;
}

std::vector<float> Checkpoint::values(const Weight& weight) const {
  const TensorView& stored = tensor(weight);
  std::vector<float> values(static_cast<std::size_t>(stored.elements()));
  convert_to_float(stored, 0, values);
  return values;
}

CheckpointConfig read_checkpoint_config(const fs::path& model_dir, const CheckpointOptions& options) {
  const ModelParts parts = find_model_parts(model_dir, options);
  const Json config = read_config_json(parts.config);
  ModelConfig read = read_model_config(config, {}, (parts.config / "config.json").string());
  const ModelInput input = read_model_input(parts.tokenizer, config, read.network);
  CheckpointConfig found{.max_length = input.max_length, .tokenizer = parts.tokenizer};
  found.token_types = apply_token_types(options.token_types, input.types, read.network);
  found.network = std::move(read.network);
  return found;
}

}  // namespace paceline
