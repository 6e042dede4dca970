#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/weight_source.h"
#include "network/network.h"
#include "paceline/packed_batch.h"

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

/// A network with random weights in memory, large enough in scale that attention and activations matter.
class SyntheticModel {
 public:
  explicit SyntheticModel(const SyntheticSizes& sizes = {});
  SyntheticModel(const SyntheticModel&) = delete;
  SyntheticModel& operator=(const SyntheticModel&) = delete;

  const Network& network() const { return network_; }
  /// Valid as long as this object.
  WeightSource source() const;
  /// Random ids for sequences of these lengths.
  PackedBatch batch(const std::vector<int32_t>& lengths, uint32_t seed = 7) const;

 private:
  struct Stored {
    std::vector<float> values;
    TensorView view;
  };

  Weight add(const std::string& name, Shape shape, float centre, float spread);
  Dense add_dense(const std::string& name, int32_t in, int32_t out);
  LayerNorm add_norm(const std::string& name, int32_t width);
  Block add_block(const std::string& name, const SyntheticSizes& sizes);
  void take_form(const SyntheticSizes& sizes);
  void become_albert(const SyntheticSizes& sizes);
  void become_mpnet(const SyntheticSizes& sizes);
  void become_modern_bert(const SyntheticSizes& sizes);
  void become_gpt2(const SyntheticSizes& sizes);
  void become_deberta(const SyntheticSizes& sizes);
  void become_xlnet(const SyntheticSizes& sizes);

  Network network_;
  std::map<std::string, Stored> tensors_;
  uint64_t random_;
};

}  // namespace paceline
