#include "metrics/label_counts.h"

namespace paceline {

double macro_f1(std::span<const LabelCounts> labels, MeanOver over) {
  double sum = 0;
  int64_t count = 0;
  for (const LabelCounts& label : labels) {
    if (over == MeanOver::kOccurring && !label.occurs()) continue;
    sum += label.f1();
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

double micro_f1(std::span<const LabelCounts> labels) {
  LabelCounts all;
  for (const LabelCounts& label : labels) {
    all.expected += label.expected;
    all.predicted += label.predicted;
    all.right += label.right;
  }
  return all.f1();
}

}  // namespace paceline
