#include "model/pass/convolution_pass.h"

#include <algorithm>
#include <cstdint>

namespace paceline {

/// Each sequence's rows between zeros: sequence i begins (i + 1) times half a kernel later than in the pass.
void ConvolutionPass::copy_input() const {
  const int32_t hidden_size = part_.network.hidden_size;
  const int32_t gap = part_.weights.convolution.kernel / 2;
  const auto zeros = static_cast<int64_t>(gap) * hidden_size;
  const Rows in = part_.shared.convolution_in;
  for (int32_t i = 0; i < part_.batch(); ++i) {
    const PassSequence& sequence = part_.sequence(i);
    const int32_t shift = (i + 1) * gap;
    const Range rows = intersect(part_.own_rows, sequence.rows());
    for (int32_t row = rows.begin; row < rows.end; ++row) {
      std::copy_n(part_.shared.hidden.row(row), hidden_size, in.row(row + shift));
    }
    if (rows.size() > 0 && rows.begin == sequence.first) {
      std::fill_n(in.row(sequence.first + shift - gap), zeros, 0.0F);
    }
    const bool last = i + 1 == part_.batch() && part_.team.thread + 1 == part_.team.threads;
    if (last) std::fill_n(in.row(part_.tokens() + shift), zeros, 0.0F);
  }
  part_.team.barrier();  // a row's neighbours may be another thread's
}

void ConvolutionPass::add_output() const {
  const PassMemory& memory = part_.shared;
  const ConvolutionWeights& convolution = part_.weights.convolution;
  const int32_t gap = convolution.kernel / 2;
  for (int32_t i = 0; i < part_.batch(); ++i) {
    const Range rows = intersect(part_.own_rows, part_.sequence(i).rows());
    if (rows.size() <= 0) continue;
    products_.multiply(convolution.dense, {.in = shifted(numbers_of(memory.convolution_in), rows.begin + i * gap, 0),
                                           .out = shifted(memory.convolution_out, rows.begin, 0),
                                           .rows = rows.size(),
                                           .epilogue = convolution.activation,
                                           .stage = Stage::kDown});
  }
  for (int32_t row = part_.own_rows.begin; row < part_.own_rows.end; ++row) {
    float* hidden = memory.hidden.row(row);
    const float* added = memory.convolution_out.row(row);
    for (int32_t c = 0; c < part_.network.hidden_size; ++c) hidden[c] += added[c];
  }
  products_.close(memory.residual(), part_.own_rows, convolution.norm);
  part_.team.column_barrier(part_.team.split_columns());
}

}  // namespace paceline
