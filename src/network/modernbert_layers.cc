#include "network/modernbert_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "model_folder/saved_by.h"
#include "network/rotary.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::string_view kAll = "full_attention";
constexpr std::string_view kWindow = "sliding_attention";

// Every key that a description of rotary positions may have; which of them count depends on its type.
constexpr std::string_view kParameters[] = {"attention_factor",
                                            "beta_fast",
                                            "beta_slow",
                                            "factor",
                                            "high_freq_factor",
                                            "long_factor",
                                            "low_freq_factor",
                                            "mscale",
                                            "mscale_all_dim",
                                            "original_max_position_embeddings",
                                            "partial_rotary_factor",
                                            "rope_theta",
                                            "rope_type",
                                            "short_factor",
                                            "truncate",
                                            "type"};

/// Reads the two kinds of layers out of one config.json.
class LayerReader {
 public:
  LayerReader(const ArchitectureInput& input, const EncoderSizes& sizes)
      : input_(input),
        config_(input),
        sizes_(sizes),
        five_(saved_by(input.config, {}).model == 5),
        described_(five_ ? object("rope_parameters") : Json::object()),
        scaling_(read_scaling()) {}

  ModernBertLayers read() {
    check_outer_keys();
    ModernBertLayers layers;
    layers.sees_all = read_kinds();
    const double theta = config_.number("global_rope_theta", 1, 1e12, 160000);
    const auto count = std::count(layers.sees_all.begin(), layers.sees_all.end(), true);
    if (count > 0) layers.all = read_kind(kAll, theta);
    if (count < sizes_.layers) layers.window = read_kind(kWindow, read_window_theta(theta));
    return layers;
  }

 private:
  /// The object at this key; an empty one where it is missing or null.
  Json object(std::string_view key) const {
    if (!config_.has(key)) return Json::object();
    const Json& field = input_.config[key];
    if (!field.is_object()) config_.contradiction(fmt::format("\"{}\" was expected as an object.", key));
    return field;
  }

  /// rope_scaling of version 4, which is about both kinds. Version 5 reads it over rope_parameters.
  Json read_scaling() const {
    Json scaling = object("rope_scaling");
    if (scaling.empty()) return scaling;
    if (!scaling.contains("rope_type")) {
      if (five_) {
        config_.refuse(
            "\"rope_scaling\" has no \"rope_type\", without which transformers 5 passes it over. Name the type, or "
            "write \"rope_parameters\".");
      }
      if (!scaling.contains("type")) config_.contradiction("\"rope_scaling\" has no \"rope_type\", one was expected.");
      scaling["rope_type"] = scaling["type"];
    }
    for (const std::string_view key : {"rope_theta", "original_max_position_embeddings"}) {
      const bool counts = five_ || (key != "rope_theta" && scaling["rope_type"] != "longrope");
      if (scaling.contains(key) && !counts) {
        config_.refuse(fmt::format(
            "\"rope_scaling\" has \"{}\", which transformers 4 passes over there. Remove it: nothing changes by it.",
            key));
      }
    }
    return scaling;
  }

  /// Keys outside of the descriptions that would change them in one of the versions.
  void check_outer_keys() const {
    for (const auto& [key, value] : described_.items()) {
      if (key != kAll && key != kWindow) {
        config_.refuse(fmt::format("\"rope_parameters\" has \"{}\", parameters under \"{}\" and \"{}\" were expected.",
                                   excerpt(key), kAll, kWindow));
      }
    }
    if (config_.number("partial_rotary_factor", 0, 1e6, 1) != 1) {
      config_.refuse("\"partial_rotary_factor\" is not 1: ModernBERT turns whole heads.");
    }
    if (config_.number("original_max_position_embeddings", 0, 1e9, sizes_.positions) != sizes_.positions) {
      config_.refuse("\"original_max_position_embeddings\" was expected within \"rope_parameters\" of version 5.");
    }
  }

  std::vector<bool> read_kinds() const {
    std::vector<bool> sees_all;
    if (!five_ || !config_.has("layer_types")) {
      const int32_t every = config_.size("global_attn_every_n_layers", kMostLayers, 3);
      for (int32_t i = 0; i < sizes_.layers; ++i) sees_all.push_back(i % every == 0);
      return sees_all;
    }
    const std::vector<std::string> types = config_.texts("layer_types");
    if (static_cast<int64_t>(types.size()) != sizes_.layers) {
      config_.contradiction(
          fmt::format("\"layer_types\" names {} layers and \"num_hidden_layers\" is {}.", types.size(), sizes_.layers));
    }
    for (const std::string& type : types) {
      const bool all = type == kAll || type == "attention";  // an older name, which version 5 still takes
      if (!all && type != kWindow) {
        config_.refuse(
            fmt::format("\"layer_types\" has \"{}\", \"{}\" and \"{}\" are supported.", excerpt(type), kAll, kWindow));
      }
      sees_all.push_back(all);
    }
    return sees_all;
  }

  /// Version 4 takes the other theta where this one is null; 10,000 where it is missing.
  double read_window_theta(double theta) const {
    return config_.number("local_rope_theta", 1, 1e12, config_.is_null("local_rope_theta") ? theta : 10000);
  }

  Rotary read_kind(std::string_view kind, double theta) const {
    Json parameters = Json::object({{"rope_type", "default"}});
    if (const auto field = described_.find(kind); field != described_.end()) parameters = *field;
    const std::string where = fmt::format("{}: {}", input_.where, described_.empty() ? "rope_scaling" : kind);
    const ArchitectureInput inner{parameters, input_.tensor_names, where};
    const ConfigReader reader(inner);
    if (!parameters.is_object()) {
      config_.contradiction(fmt::format("\"rope_parameters\" has no object under \"{}\".", kind));
    }
    parameters.update(scaling_);
    if (!parameters.contains("rope_theta")) parameters["rope_theta"] = theta;
    if (!parameters.contains("rope_type")) parameters["rope_type"] = parameters.value("type", Json("default"));
    for (const auto& [key, value] : parameters.items()) {
      if (std::find(std::begin(kParameters), std::end(kParameters), key) == std::end(kParameters)) {
        reader.refuse(fmt::format("\"{}\" is no parameter of rotary positions that Paceline knows.", excerpt(key)));
      }
    }
    return read_rotary(reader, {sizes_.head_dim, sizes_.positions, truncates()});
  }

  /// Of yarn. Version 5 looks for it where no file can have it, so that it rounds always.
  bool truncates() const { return five_ || json_bool(scaling_, "truncate", input_.where, true); }

  const ArchitectureInput& input_;
  ConfigReader config_;
  const EncoderSizes& sizes_;
  bool five_;       // whose reading applies
  Json described_;  // rope_parameters of version 5
  Json scaling_;
};

}  // namespace

ModernBertLayers read_modernbert_layers(const ArchitectureInput& input, const EncoderSizes& sizes) {
  return LayerReader(input, sizes).read();
}

std::vector<std::string> modernbert_keys_not_read(const Json& config) {
  std::vector<std::string> keys;
  if (saved_by(config, {}).model == 5) return keys;
  for (const char* key : {"layer_types", "rope_parameters"}) {
    if (const auto field = config.find(key); field != config.end() && !field->is_null()) keys.emplace_back(key);
  }
  return keys;
}

}  // namespace paceline
