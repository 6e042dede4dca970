#include "model/pass/forward_pass.h"

#include <cstddef>
#include <cstdint>

#include "model/pass/block_pass.h"
#include "model/pass/embedding_pass.h"
#include "model/pass/head_pass.h"
#include "model/pass/pooled_block_pass.h"
#include "model/pass/products.h"

namespace paceline {
namespace {

void run_layers(const PassPart& part, const Products& products) {
  const std::size_t last = part.network.layers.size() - 1;
  BlockPass block(part, products);
  for (std::size_t i = 0; i < last; ++i) block.run(i);
  switch (part.weights.last_layer) {
    case LastLayer::kPooledHidden:
      PooledBlockPass(part, products).run_on_hidden(last);
      return;
    case LastLayer::kPooledRows:
      PooledBlockPass(part, products).run_on_rows(last);
      return;
    case LastLayer::kAllRows:
      block.run(last);
      pool_all_rows(part);
      return;
  }
}

}  // namespace

ForwardPass::ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels)
    : network_(network), weights_(weights), kernels_(kernels) {}

void ForwardPass::run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared,
                      PassMemory& own) const {
  if (team.clock != nullptr) team.clock->begin();
  const int32_t tokens = sequences.back().rows().end;
  const Range own_rows = team.share_of(tokens);
  const PassPart part{.network = network_,
                      .weights = weights_,
                      .kernels = kernels_,
                      .team = team,
                      .shared = shared,
                      .own = own,
                      .sequences = sequences,
                      .own_rows = own_rows,
                      .product_rows = team.split_rows ? own_rows : Range{0, tokens}};
  const Products products(part);
  EmbeddingPass(part, products).run();
  run_layers(part, products);
  HeadPass(part, products).run();
}

}  // namespace paceline
