#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <utility>

#include "network/network.h"

namespace paceline {

/// What a forward pass reads, each [B, S] of an integer type on the weights' device.
struct ForwardInputs {
  at::Tensor input_ids;
  at::Tensor attention_mask;  ///< not 0: a real token; undefined: all are
  at::Tensor token_type_ids;  ///< undefined: all are 0; read only where the network has more than one type
};

/// What the layers of one forward pass of NetworkForward share.
struct ForwardState {
  at::Tensor keep;       ///< [B, 1, 1, S], true where a key is real; undefined: all are
  at::Tensor places;     ///< [S]; this and what follows undefined where nothing depends on places
  at::Tensor distances;  ///< [S, S]: the key's place less the query's
  at::Tensor bias;       ///< [1, H, S, S] of kBias
  at::Tensor table;      ///< [R, C] of kLearned and kSinusoid: what is projected
  at::Tensor rows;       ///< [S, S]: the table's row for each pair
  at::Tensor differ;     ///< [B, 1, S, S], true where the token types do; undefined: nowhere
  std::map<std::pair<int32_t, int32_t>, at::Tensor> masks;    ///< by what is visible before and after
  std::map<Rotary, std::pair<at::Tensor, at::Tensor>> turns;  ///< cosines and sines
};

}  // namespace paceline
