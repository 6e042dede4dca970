#include "network/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

struct ActivationName {
  std::string_view name;
  Activation activation;
};

// As transformers names them. gelu_fast and gelu_python_tanh write the same function in other words; gelu_accurate and
// gelu_new differ from gelu_pytorch_tanh in the last bits of fp32.
constexpr ActivationName kActivations[] = {
    {"gelu", Activation::kGelu},
    {"gelu_python", Activation::kGelu},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_python_tanh", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_accurate", Activation::kGeluTanh},
    {"relu", Activation::kRelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
    {"mish", Activation::kMish},
    {"tanh", Activation::kTanh},
    {"linear", Activation::kNone},
};

}  // namespace

int32_t ConfigReader::size(std::string_view key, int64_t most, std::optional<int64_t> fallback) const {
  if (fallback.has_value() && !has(key)) return static_cast<int32_t>(*fallback);
  return static_cast<int32_t>(json_integer(input_.config, key, input_.where, 1, most));
}

int32_t ConfigReader::count(std::string_view key, int64_t most, int32_t fallback) const {
  return has(key) ? static_cast<int32_t>(json_integer(input_.config, key, input_.where, 0, most)) : fallback;
}

double ConfigReader::number(std::string_view key, double low, double high, double fallback) const {
  return has(key) ? json_number(input_.config, key, input_.where, low, high) : fallback;
}

bool ConfigReader::flag(std::string_view key, bool fallback) const {
  return has(key) ? json_bool(input_.config, key, input_.where) : fallback;
}

std::string ConfigReader::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? json_string(input_.config, key, input_.where) : std::string(fallback);
}

std::vector<double> ConfigReader::numbers(std::string_view key, double low, double high) const {
  std::vector<double> values;
  const bool listed = has(key) && input_.config[key].is_array();
  for (const Json& value : listed ? input_.config[key] : Json::array()) {
    const double number = value.is_number() ? value.get<double>() : std::nan("");
    if (!(number >= low && number <= high)) {
      contradiction(fmt::format("\"{}\" was expected as a list of numbers from {} to {}.", key, low, high));
    }
    values.push_back(number);
  }
  if (values.empty()) contradiction(fmt::format("\"{}\" was expected as a list of numbers.", key));
  return values;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) const {
  const bool listed = has(key) && input_.config[key].is_array();
  std::vector<std::string> values;
  for (const Json& value : listed ? input_.config[key] : Json::array()) {
    if (!value.is_string()) break;
    values.push_back(value.get<std::string>());
  }
  if (values.empty() || values.size() != input_.config[key].size()) {
    contradiction(fmt::format("\"{}\" was expected as a list of texts.", key));
  }
  return values;
}

Activation ConfigReader::activation(std::string_view key, std::string_view fallback) const {
  const std::string name = text(key, fallback);
  std::vector<std::string> known;
  for (const ActivationName& row : kActivations) {
    if (row.name == name) return row.activation;
    known.emplace_back(row.name);
  }
  refuse(fmt::format("\"{}\" is \"{}\", an activation that Paceline does not know. {}", key, excerpt(name),
                     suggestion(name, known)));
}

int32_t ConfigReader::token_id(std::string_view key, int32_t vocab_size, int32_t fallback) const {
  if (!has(key)) return fallback;
  return static_cast<int32_t>(json_integer(input_.config, key, input_.where, 0, vocab_size - 1));
}

bool ConfigReader::is_null(std::string_view key) const {
  const auto field = input_.config.find(key);
  return field != input_.config.end() && field->is_null();
}

bool ConfigReader::has(std::string_view key) const {
  const auto field = input_.config.find(key);
  return field != input_.config.end() && !field->is_null();
}

std::string ConfigReader::one_of(std::string_view key, std::initializer_list<std::string_view> supported,
                                 std::string_view fallback) const {
  std::string value = text(key, fallback);
  if (std::find(supported.begin(), supported.end(), value) == supported.end()) {
    std::string list;
    for (const std::string_view name : supported) list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", name);
    refuse(fmt::format("\"{}\" is \"{}\", {} {} supported.", key, excerpt(value), list,
                       supported.size() == 1 ? "alone is" : "are"));
  }
  return value;
}

void ConfigReader::refuse_flag(std::string_view key, std::string_view expected) const {
  if (flag(key, false)) refuse(fmt::format("\"{}\" is true, {} was expected.", key, expected));
}

void ConfigReader::refuse_unless_absolute() const { one_of("position_embedding_type", {"absolute"}, "absolute"); }

void ConfigReader::refuse_other_models() const {
  for (const std::string_view key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"}) {
    refuse_flag(key, "an encoder that reads both ways");
  }
  refuse_other_weights();
}

void ConfigReader::refuse_other_weights() const {
  if (has("quantization_config")) {
    refuse("\"quantization_config\" is there, float weights were expected. Use the checkpoint from before quantising.");
  }
  if (has("per_layer_config") && !input_.config["per_layer_config"].empty()) {
    refuse("\"per_layer_config\" is not empty, layers of the same configuration were expected.");
  }
  if (has("pruned_heads") && !input_.config["pruned_heads"].empty()) {
    refuse("\"pruned_heads\" is not empty, whole attention layers were expected.");
  }
}

int32_t ConfigReader::head_dim(std::string_view hidden_key, int32_t hidden, std::string_view heads_key,
                               int32_t heads) const {
  if (hidden % heads != 0) {
    contradiction(
        fmt::format("\"{}\" is {} and \"{}\" is {}, a multiple was expected.", hidden_key, hidden, heads_key, heads));
  }
  return hidden / heads;
}

void ConfigReader::refuse(std::string_view what) const {
  throw Error(ErrorCode::kUnsupported, fmt::format("[{}] {}", input_.where, what));
}

void ConfigReader::contradiction(std::string_view what) const {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {}", input_.where, what));
}

}  // namespace paceline
