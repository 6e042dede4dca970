#include "model/pass/embedding_pass.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "network/position_rows.h"

namespace paceline {

void EmbeddingPass::run() const {
  add_table_rows();
  const PassMemory& memory = part_.shared;
  const Embeddings& embeddings = part_.network.embeddings;
  const NormWeights& norm = part_.weights.embedding_norm;
  const bool norm_first = norm.exists() && !embeddings.project_first;
  if (norm_first) products_.normalise(memory.embedded, memory.embedded, memory.embedded_in, part_.own_rows, norm);
  if (embeddings.projection.exists()) project(norm_first);
  if (embeddings.project_first && norm.exists()) {
    products_.normalise(memory.hidden, memory.hidden, memory.normed_in, part_.own_rows, norm);
  }
  const BlockWeights& first = part_.block(0);
  if (first.norm_before) {
    products_.close(memory.residual(), part_.own_rows, first.attention_norm);
  } else if (!norm.exists() || (embeddings.projection.exists() && norm_first)) {
    products_.round(part_.weights.type, memory.hidden, memory.normed_in, part_.own_rows, part_.network.hidden_size);
  }
  part_.team.column_barrier(part_.team.split_columns());
}

void EmbeddingPass::add_table_rows() const {
  const int32_t width = part_.network.embedding_size();
  const ConstRows words(part_.weights.words.data(), static_cast<std::size_t>(width));
  const ConstRows positions(part_.weights.positions.data(), static_cast<std::size_t>(width));
  const ConstRows types(part_.weights.token_types.data(), static_cast<std::size_t>(width));
  const bool placed = part_.network.embeddings.positions.exists();
  const bool typed = part_.network.embeddings.token_types.exists();
  for (const PassSequence& sequence : part_.sequences) {
    const Range rows = intersect(part_.own_rows, sequence.rows());
    if (rows.size() <= 0) continue;
    PositionRows position_rows(part_.network.embeddings,
                               std::span(sequence.ids, static_cast<std::size_t>(rows.begin - sequence.first)));
    for (int32_t row = rows.begin; row < rows.end; ++row) {
      const int32_t place = row - sequence.first;
      const int32_t type = typed && sequence.token_types != nullptr ? sequence.token_types[place] : 0;
      const int32_t position = placed ? position_rows.next(sequence.ids[place]) : 0;
      part_.kernels.sum({.a = words.row(sequence.ids[place]),
                         .b = types.row(type),
                         .c = positions.row(position),
                         .columns = width,
                         .out = part_.shared.embedded.row(row)});
    }
  }
  part_.team.mark(Stage::kEmbedding);
}

/// `normed`: a norm has rounded the rows already.
void EmbeddingPass::project(bool normed) const {
  const PassMemory& memory = part_.shared;
  const Range rows = part_.own_rows;
  if (!normed) {
    products_.round(part_.weights.type, memory.embedded, memory.embedded_in, rows, part_.network.embedding_size());
  }
  products_.multiply(part_.weights.projection, {.in = shifted(memory.embedded_in, rows.begin, 0),
                                                .out = shifted(memory.hidden, rows.begin, 0),
                                                .rows = rows.size(),
                                                .stage = Stage::kEmbedding});
}

}  // namespace paceline
