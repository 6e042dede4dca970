#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "network/architecture.h"
#include "tensor/safetensors.h"

namespace paceline {

/// For tests: a config.json of a tiny RoBERTa classifier with three labels; the caller changes what it wants different.
inline Json tiny_config() {
  return Json::parse(R"({
    "model_type": "roberta", "architectures": ["RobertaForSequenceClassification"], "hidden_act": "gelu",
    "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "max_position_embeddings": 22, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
    "id2label": {"0": "low", "1": "middle", "2": "high"}})");
}

/// Tensors with their own storage, F32, of values that depend on the name alone: in [-0.5, 0.5), norms' scales about 1.
struct TinyWeights {
  std::vector<std::vector<float>> storage;
  std::vector<NamedTensor> tensors;
};

inline TinyWeights tiny_weights(const Network& network) {
  TinyWeights weights;
  for_each_weight(network, [&](const Weight& weight) {
    std::size_t count = 1;
    for (const int64_t size : weight.shape) {
      count *= static_cast<std::size_t>(size);
    }
    const bool scale = weight.name.find("LayerNorm.weight") != std::string::npos;
    uint32_t state = 1;
    for (const char character : weight.name) {
      state = state * 31 + static_cast<unsigned char>(character);
    }
    std::vector<float>& values = weights.storage.emplace_back(count);
    for (float& value : values) {
      state = state * 1664525 + 1013904223;  // Numerical Recipes' generator: the same on every machine
      const float centred = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
      value = scale ? 1.0f + 0.5f * centred : centred;
    }
    weights.tensors.push_back({weight.name, {DType::kF32, weight.shape, std::as_bytes(std::span(values))}});
  });
  return weights;
}

/// What a test makes of a tensor's values.
using ChangeOfWeights = std::function<void(std::string_view name, std::vector<float>& values)>;

/// Writes config.json and model.safetensors into `folder`.
inline void write_tiny_checkpoint(const std::filesystem::path& folder, const Json& config = tiny_config(),
                                  const ChangeOfWeights& change = {}) {
  TinyWeights weights = tiny_weights(describe_network(config, {}, "tiny config"));
  for (std::size_t i = 0; change && i < weights.tensors.size(); ++i) {
    change(weights.tensors[i].name, weights.storage[i]);
  }
  write_file_atomically(folder / "config.json", config.dump(1));
  write_safetensors(folder / "model.safetensors", weights.tensors, {{"format", "pt"}});
}

}  // namespace paceline
