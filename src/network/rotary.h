#pragma once

#include <cstdint>

#include "network/config_reader.h"
#include "network/network.h"

namespace paceline {

/// Pair d turns by place / theta^(2 d / head_dim).
Rotary plain_rotary(double theta, int32_t head_dim);

/// What a rotary description is about.
struct RotarySizes {
  int32_t head_dim = 0;
  int32_t positions = 0;  ///< max_position_embeddings: no sequence is longer
  bool truncate = true;   ///< yarn rounds the ends of its ramp to whole pairs
};

/// Reads the parameters of one "rope_type" as the rope utilities of transformers do: rope_theta, and for each type its
/// own. Throws Error{unsupported} for a type that is not known, for one that depends on a sequence's length within the
/// model's positions (longrope), and where part of a head only would be turned; Error{corrupt_data} for what is missing
/// or absurd.
Rotary read_rotary(const ConfigReader& parameters, const RotarySizes& sizes);

}  // namespace paceline
