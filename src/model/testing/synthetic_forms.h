#pragma once

#include <cstdint>

#include "model/testing/synthetic_weights.h"
#include "network/network.h"

namespace paceline {

/// Which family a made-up model resembles, in what its network asks of an engine.
enum class SyntheticForm {
  kRoberta,
  kAlbert,      ///< shared layers, projected embeddings, tanh-GELU
  kMpnet,       ///< bias by distance
  kModernBert,  ///< norms before and without bias, rotary positions, windows, gates, mean, a norm in the head
  kGpt2,        ///< norms before, causal, weights stored the other way round in one tensor, the last token
  kDeberta,     ///< disentangled attention, a projection before the norm, a convolution
  kXlnet,       ///< relative positions of sines, segments, the last token
};

/// Sizes of a made-up model for tests and benchmarks.
struct SyntheticSizes {
  int32_t hidden = 40;
  int32_t heads = 5;
  int32_t inner = 72;
  int32_t blocks = 2;
  int32_t vocab = 50;
  int32_t max_tokens = 64;
  int32_t token_types = 1;
  int32_t labels = 3;  ///< 0: an encoder without a head
  uint32_t seed = 1;
  SyntheticForm form = SyntheticForm::kRoberta;
};

/// Makes of a RoBERTa of these sizes what the form asks for, with further weights where it needs some.
void take_form(const SyntheticSizes& sizes, Network& network, SyntheticWeights& weights);

}  // namespace paceline
