#include "network/dense_rows.h"

#include <vector>

namespace paceline {

void read_dense_rows(const TensorView& tensor, const Dense& dense, int32_t first, int32_t count,
                     std::span<float> rows) {
  const int64_t begin = int64_t{dense.first} + first;
  if (!dense.transposed) {
    convert_to_float(tensor, begin * dense.in,
                     rows.first(static_cast<std::size_t>(count) * static_cast<std::size_t>(dense.in)));
    return;
  }
  const int64_t outputs = tensor.elements() / dense.in;
  const auto width = static_cast<std::size_t>(dense.in);
  std::vector<float> piece(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < width; ++k) {
    convert_to_float(tensor, static_cast<int64_t>(k) * outputs + begin, piece);
    for (std::size_t n = 0; n < piece.size(); ++n) rows[n * width + k] = piece[n];
  }
}

}  // namespace paceline
