#include "checkpoint/adapter_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <utility>

#include "checkpoint/weight_names.h"
#include "paceline/error.h"
#include "words/split.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr JsonLimits kLimits{.max_bytes = std::size_t{1} << 20, .max_depth = 16};
constexpr int64_t kMostRank = 1 << 16;
constexpr double kMostAlpha = 1e9;
constexpr std::size_t kMostPatterns = 1000;

[[noreturn]] void throw_unsupported(std::string_view where, std::string_view what) {
  throw Error(ErrorCode::kUnsupported, fmt::format("[{}] {} {}", where, what, kMergeWithPeft));
}

std::string text_of(const Json& value) { return excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace)); }

/// Of PEFT 0.21's LoraConfig, what merging does not depend on: how training went, what was only done before it, names.
/// fan_in_fan_out follows from how the weight is stored, and PEFT itself corrects a wrong one.
constexpr std::array<std::string_view, 17> kWithoutEffect = {
    "auto_mapping",   "bias",          "corda_config",      "ensure_weight_tying", "eva_config",       "fan_in_fan_out",
    "inference_mode", "lora_bias",     "lora_dropout",      "loftq_config",        "lora_ga_config",   "megatron_core",
    "peft_version",   "velora_config", "qalora_group_size", "runtime_config",      "init_lora_weights"};

/// Read below.
constexpr std::array<std::string_view, 15> kRead = {"alpha_pattern",
                                                    "base_model_name_or_path",
                                                    "exclude_modules",
                                                    "layers_pattern",
                                                    "layers_to_transform",
                                                    "lora_alpha",
                                                    "modules_to_save",
                                                    "peft_type",
                                                    "r",
                                                    "rank_pattern",
                                                    "revision",
                                                    "target_modules",
                                                    "task_type",
                                                    "use_dora",
                                                    "use_rslora"};

/// Whether a setting asks for nothing.
bool is_off(const Json& value) {
  return value.is_null() || value == Json(false) || (value.is_structured() && value.empty()) || value == Json("");
}

/// Variants change what is computed: one that is not known here must not be passed over.
void check_keys(const Json& json, std::string_view where) {
  for (const auto& [key, value] : json.items()) {
    const std::string_view name = key;
    const bool known = std::find(kWithoutEffect.begin(), kWithoutEffect.end(), name) != kWithoutEffect.end() ||
                       std::find(kRead.begin(), kRead.end(), name) != kRead.end();
    if (known || is_off(value)) continue;
    throw_unsupported(where,
                      fmt::format("\"{}\" is {}, which is not known how to merge.", excerpt(key), text_of(value)));
  }
}

/// Initialisations that change the base's weights too: what was saved fits the changed base alone.
void check_initialisation(const Json& json, std::string_view where) {
  const auto field = json.find("init_lora_weights");
  if (field == json.end() || field->is_null() || field->is_boolean()) return;
  std::string name = json_string(json, "init_lora_weights", where);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array<std::string_view, 5> kKeepTheBase = {"gaussian", "eva", "orthogonal", "mica", "true"};
  if (std::find(kKeepTheBase.begin(), kKeepTheBase.end(), name) != kKeepTheBase.end()) return;
  throw_unsupported(where, fmt::format("\"init_lora_weights\" is \"{}\", which changes the base's weights before "
                                       "training.",
                                       excerpt(name)));
}

std::vector<ModuleNumber> read_pattern(const Json& json, const char* key, double least, double most,
                                       std::string_view where) {
  std::vector<ModuleNumber> numbers;
  const auto field = json.find(key);
  if (field == json.end() || is_off(*field)) return numbers;
  if (!field->is_object() || field->size() > kMostPatterns) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] \"{}\" is {}, an object of at most {} modules and numbers was expected.", where, key,
                            text_of(*field), kMostPatterns));
  }
  for (const auto& [module, value] : field->items()) {
    std::optional<NamePattern> pattern = NamePattern::parse(fmt::format("(.*\\.)?({})$", module));
    if (!pattern) {
      throw_unsupported(where,
                        fmt::format("\"{}\" has the pattern \"{}\"; names, sets, groups, choices and repetitions "
                                    "were expected.",
                                    key, excerpt(module)));
    }
    numbers.push_back({.key = module,
                       .pattern = std::move(*pattern),
                       .number = json_number(*field, module, fmt::format("{}: {}", where, key), least, most)});
  }
  return numbers;
}

/// A list of names; a single text is a pattern, which the adapter's own tensors answer.
std::vector<std::string> read_names(const Json& json, const char* key, std::string_view where) {
  std::vector<std::string> names;
  const auto field = json.find(key);
  if (field == json.end() || field->is_null() || field->is_string()) return names;
  const bool texts =
      field->is_array() && std::all_of(field->begin(), field->end(), [](const Json& name) { return name.is_string(); });
  if (!texts) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"{}\" is {}, a list of names or a pattern was expected.",
                                                     where, key, text_of(*field)));
  }
  for (const Json& name : *field) names.push_back(name.get<std::string>());
  return names;
}

std::vector<int64_t> read_layers(const Json& json, std::string_view where) {
  const auto field = json.find("layers_to_transform");
  if (field == json.end() || field->is_null()) return {};
  std::vector<int64_t> layers;
  for (const Json& layer : field->is_array() ? *field : Json::array({*field})) {
    if (!layer.is_number_integer()) {
      throw Error(
          ErrorCode::kCorruptData,
          fmt::format("[{}] \"layers_to_transform\" is {}, numbers of layers were expected.", where, text_of(*field)));
    }
    layers.push_back(layer.get<int64_t>());
  }
  return layers;
}

void check_method(const Json& json, std::string_view where) {
  const std::string method = json_string(json, "peft_type", where, "");
  if (method.empty()) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] it has no \"peft_type\", an adapter of PEFT was expected. Merge it with the library "
                            "that made it.",
                            where));
  }
  if (method != "LORA") {
    throw_unsupported(where, fmt::format("\"peft_type\" is \"{}\", an adapter of LoRA was expected.", excerpt(method)));
  }
  const std::string task = json_string(json, "task_type", where, "");
  if (!task.empty() && task != "SEQ_CLS" && task != "FEATURE_EXTRACTION") {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] \"task_type\" is \"{}\", an adapter of a text classifier "
                                                     "(SEQ_CLS) was expected.",
                                                     where, excerpt(task)));
  }
}

/// What PEFT puts a whole copy of beside the factors: what is named, and a classifier's last layers.
std::vector<std::string> read_replaced(const Json& json, const std::string& task, std::string_view where) {
  std::vector<std::string> names = read_names(json, "modules_to_save", where);
  if (task == "SEQ_CLS") names.insert(names.end(), {"classifier", "score"});
  return names;
}

bool is_pattern(const Json& json, const char* key) {
  const auto field = json.find(key);
  return field != json.end() && !is_off(*field) && field->is_string();
}

bool is_number(std::string_view part) {
  return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The first part of a name that is a number, by which PEFT numbers the layer; empty where there is none.
std::string first_number_of(std::string_view module) {
  const std::vector<std::string> parts = split(module, '.');
  const auto found = std::find_if(parts.begin(), parts.end(), is_number);
  return found == parts.end() ? std::string() : *found;
}

bool matches(const ModuleNumber& number, std::string_view module) {
  const std::optional<bool> answer = number.pattern.matches(module);
  if (answer) return *answer;
  throw_unsupported(kAdapterConfigFile, fmt::format("The pattern \"{}\" takes too long for the module {}.",
                                                    excerpt(number.key), excerpt(module)));
}

/// PEFT takes the first pattern that matches, in the order of the file; several may only match where that is the same.
double find_in(const std::vector<ModuleNumber>& numbers, std::string_view module, double otherwise) {
  std::optional<double> found;
  for (const ModuleNumber& one : numbers) {
    if (!matches(one, module)) continue;
    if (found && *found != one.number) {
      throw_unsupported(kAdapterConfigFile,
                        fmt::format("Patterns with different values ({} and {}) match the module {}.", *found,
                                    one.number, excerpt(module)));
    }
    found = one.number;
  }
  return found.value_or(otherwise);
}

}  // namespace

bool is_in_layer(std::string_view module, const std::vector<int64_t>& layers) {
  const std::vector<std::string> parts = split(module, '.');
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
    return is_number(part) && part.size() < 10 &&
           std::find(layers.begin(), layers.end(), std::stoll(part)) != layers.end();
  });
}

std::string ending_of(std::string_view module, const std::vector<std::string>& names) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return module == name || module.ends_with("." + name);
  });
  return found == names.end() ? std::string() : *found;
}

int64_t AdapterConfig::rank_of(std::string_view module) const {
  return static_cast<int64_t>(find_in(rank_pattern, module, static_cast<double>(rank)));
}

double AdapterConfig::scaling_of(std::string_view module) const {
  const auto own = static_cast<double>(rank_of(module));
  return find_in(alpha_pattern, module, alpha) / (rank_stabilized ? std::sqrt(own) : own);
}

std::string AdapterConfig::target_of(std::string_view module) const {
  if (!tells_all || !ending_of(module, excluded).empty()) return {};
  const std::string whole = fmt::format(".{}.", module);
  for (const std::string& name : replaced) {
    if (whole.find(fmt::format(".{}.", name)) != std::string::npos) return {};
  }
  return layers.empty() || is_in_layer(first_number_of(module), layers) ? ending_of(module, target_modules)
                                                                        : std::string();
}

std::string AdapterConfig::replaced_by(std::string_view tensor) const {
  for (std::size_t dot = tensor.find('.'); dot != std::string_view::npos; dot = tensor.find('.', dot + 1)) {
    for (const std::string& name : replaced) {
      if (tensor.substr(0, dot).ends_with(name)) return name;  // as PEFT compares them, within a part too
    }
  }
  return {};
}

AdapterConfig parse_adapter_config(const Json& json, std::string_view where) {
  check_method(json, where);
  check_keys(json, where);
  check_initialisation(json, where);
  AdapterConfig config;
  config.base = json_string(json, "base_model_name_or_path", where, "");
  config.revision = json_string(json, "revision", where, "");
  config.task = json_string(json, "task_type", where, "");
  config.rank = json_integer(json, "r", where, 1, kMostRank, 8);
  config.alpha = json_number(json, "lora_alpha", where, -kMostAlpha, kMostAlpha, 8);
  config.rank_pattern = read_pattern(json, "rank_pattern", 1, kMostRank, where);
  config.alpha_pattern = read_pattern(json, "alpha_pattern", -kMostAlpha, kMostAlpha, where);
  config.rank_stabilized = json_bool(json, "use_rslora", where, false);
  config.dora = json_bool(json, "use_dora", where, false);
  config.target_modules = read_names(json, "target_modules", where);
  config.layers = read_layers(json, where);
  config.excluded = read_names(json, "exclude_modules", where);
  config.replaced = read_replaced(json, config.task, where);
  const auto pattern = json.find("layers_pattern");
  const bool own_layers = pattern != json.end() && !is_off(*pattern) && !config.layers.empty();
  config.tells_all = !config.target_modules.empty() && !is_pattern(json, "exclude_modules") && !own_layers;
  return config;
}

AdapterConfig read_adapter_config(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kAdapterConfigFile;
  return parse_adapter_config(read_json_file(file, kLimits), file.string());
}

}  // namespace paceline
