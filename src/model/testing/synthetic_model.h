#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/testing/synthetic_forms.h"
#include "model/testing/synthetic_weights.h"
#include "model/weight_source.h"
#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// A network with SyntheticWeights.
class SyntheticModel {
 public:
  explicit SyntheticModel(const SyntheticSizes& sizes = {});

  const Network& network() const { return network_; }
  /// Valid as long as this object.
  WeightSource source() const { return weights_.source(); }
  /// Random ids for sequences of these lengths.
  PackedBatch batch(const std::vector<int32_t>& lengths, uint32_t seed = 7) const;

 private:
  Block add_block(const std::string& name, const SyntheticSizes& sizes);

  Network network_;
  SyntheticWeights weights_;
};

}  // namespace paceline
