#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "network/architectures.h"
#include "network/encoder_parts.h"
#include "network/network.h"

namespace paceline {

/// Which layers of a ModernBERT see all tokens, and how the positions of both kinds turn.
struct ModernBertLayers {
  std::vector<bool> sees_all{};  ///< [layers]; the others see a window
  Rotary all{};                  ///< of the layers that see all tokens
  Rotary window{};               ///< of the others; each exists where there are such layers
};

/// Reads what either version of transformers writes: rope_parameters and layer_types, or global_rope_theta,
/// local_rope_theta, global_attn_every_n_layers and rope_scaling; where a file has both, what the version makes of them
/// that saved it. Refuses by name what the versions read in different ways.
ModernBertLayers read_modernbert_layers(const ArchitectureInput& input, const EncoderSizes& sizes);

/// The keys of version 5 in a config.json of version 4, which keeps them where it saves a model of 5 again and does not
/// read them.
std::vector<std::string> modernbert_keys_not_read(const Json& config);

}  // namespace paceline
