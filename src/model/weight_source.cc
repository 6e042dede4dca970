#include "model/weight_source.h"

namespace paceline {

std::vector<float> weight_values(const WeightSource& source, const Weight& weight) {
  const TensorView& tensor = source(weight);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  convert_to_float(tensor, 0, values);
  return values;
}

}  // namespace paceline
