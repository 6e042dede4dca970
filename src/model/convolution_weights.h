#pragma once

#include "kernels/kernels.h"
#include "kernels/packed_dense.h"
#include "model/norm_weights.h"
#include "model/weight_source.h"
#include "network/network.h"

namespace paceline {

/// A convolution along the tokens as one product in fp32: a row of it is `kernel` rows of hidden states behind each
/// other. Without panels where the network has none.
struct ConvolutionWeights {
  PackedDense dense;  ///< [kernel C -> C]
  Epilogue activation = Epilogue::kStore;
  NormWeights norm;
  int32_t kernel = 0;

  bool exists() const { return kernel > 0; }
};

/// Throws as load_weights.
ConvolutionWeights load_convolution(const Convolution& convolution, const WeightSource& source, const Kernels& kernels);

}  // namespace paceline
