#include "model/convolution_weights.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "model/epilogue.h"
#include "model/weight_check.h"

namespace paceline {

ConvolutionWeights load_convolution(const Convolution& convolution, const WeightSource& source,
                                    const Kernels& kernels) {
  ConvolutionWeights weights;
  if (!convolution.exists()) return weights;
  weights.kernel = convolution.kernel;
  weights.activation = epilogue_of(convolution.activation);
  weights.norm = load_norm(convolution.norm, source);

  const std::vector<float> stored = finite_values(source, convolution.weight);  // [C, C / groups, kernel]
  const auto outputs = static_cast<int32_t>(convolution.weight.shape.front());
  const auto width = static_cast<std::size_t>(outputs);
  const std::size_t group_width = width / static_cast<std::size_t>(convolution.groups);
  const auto taps = static_cast<std::size_t>(convolution.kernel);
  std::vector<float> bias(width);
  if (convolution.bias.exists()) bias = finite_values(source, convolution.bias);

  weights.dense = PackedDense(kernels, NumberType::kFp32, convolution.kernel * outputs, std::span(&outputs, 1));
  weights.dense.allocate();
  for (int32_t i = 0; i < static_cast<int32_t>(weights.dense.panels().size()); ++i) {
    const auto first = static_cast<std::size_t>(weights.dense.origins()[static_cast<std::size_t>(i)].first);
    const auto columns = static_cast<std::size_t>(weights.dense.panels()[static_cast<std::size_t>(i)].columns);
    std::vector<float> rows(columns * taps * width);  // other groups' inputs keep weight 0
    for (std::size_t n = 0; n < columns; ++n) {
      const std::size_t group_begin = (first + n) / group_width * group_width;
      for (std::size_t c = 0; c < group_width; ++c) {
        for (std::size_t k = 0; k < taps; ++k) {
          rows[(n * taps + k) * width + group_begin + c] = stored[((first + n) * group_width + c) * taps + k];
        }
      }
    }
    weights.dense.fill(i, {rows.data(), taps * width}, std::span(bias).subspan(first, columns));
  }
  return weights;
}

}  // namespace paceline
