#include "model/pass/head_pass.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace paceline {

void HeadPass::run() const {
  const Team& team = part_.team;
  Rows in = part_.shared.pooled_normed;
  Rows out = part_.shared.pooled_query;
  Rows other = part_.shared.context;
  for (const HeadWeights& step : part_.weights.head) {
    products_.multiply(step.dense, {.in = numbers_of(in),
                                    .out = out,
                                    .rows = part_.batch(),
                                    .epilogue = step.activation,
                                    .split_columns = team.threads > 1,
                                    .stage = Stage::kHead});
    team.barrier();
    if (step.norm.exists()) {
      normalise(out, step.norm);
      team.barrier();
    }
    in = out;
    std::swap(out, other);
  }
  const Range mine = team.share_of(part_.batch());
  for (int32_t i = mine.begin; i < mine.end; ++i) {
    std::copy_n(in.row(i), part_.network.outputs, part_.sequence(i).logits);
  }
  team.mark(Stage::kHead);
}

void HeadPass::normalise(Rows rows, const NormWeights& norm) const {
  const Range mine = part_.team.share_of(part_.batch());
  part_.kernels.of(NumberType::kFp32)
      .layer_norm({.in = shifted(rows, mine.begin, 0),
                   .out = shifted(rows, mine.begin, 0),
                   .count = mine.size(),
                   .columns = static_cast<int32_t>(norm.scale.size()),
                   .scale = norm.scale.data(),
                   .bias = norm.bias.data(),
                   .epsilon = norm.epsilon});
  part_.team.mark(Stage::kHead);
}

}  // namespace paceline
