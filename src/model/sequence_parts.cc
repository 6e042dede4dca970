#include "model/sequence_parts.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace paceline {

/// In units of one multiply-add per hidden column and block: products grow with the tokens, attention with their
/// square.
double SequenceParts::cost(const PassSequence& sequence) const {
  const double tokens = sequence.tokens;
  return tokens * (2.0 * network_.hidden_size + network_.intermediate_size + tokens);
}

void SequenceParts::deal(std::span<PassSequence> sequences, std::size_t count) {
  sequences_ = sequences;
  parts_.assign(count, Part{});
  // The largest first, each to the part with the least to do.
  std::sort(sequences.begin(), sequences.end(), [](const PassSequence& a, const PassSequence& b) {
    return std::tie(b.tokens, a.logits) < std::tie(a.tokens, b.logits);
  });
  for (PassSequence& sequence : sequences) {
    const auto least =
        std::min_element(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.cost < b.cost; });
    least->cost += cost(sequence);
    ++least->sequences;
    sequence.part = static_cast<int32_t>(least - parts_.begin());
  }
  std::size_t before = 0;
  for (Part& part : parts_) {
    part.first = before;
    before += part.sequences;
  }
  std::sort(sequences.begin(), sequences.end(), [](const PassSequence& a, const PassSequence& b) {
    return std::tie(a.part, b.tokens, a.logits) < std::tie(b.part, a.tokens, b.logits);
  });
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return std::tie(b.cost, a.first) < std::tie(a.cost, b.first); });
}

double SequenceParts::unevenness(int threads) {
  loads_.assign(static_cast<std::size_t>(threads), 0.0);
  for (const Part& part : parts_) *std::min_element(loads_.begin(), loads_.end()) += part.cost;
  const double average = std::accumulate(loads_.begin(), loads_.end(), 0.0) / static_cast<double>(threads);
  return *std::max_element(loads_.begin(), loads_.end()) / average;
}

}  // namespace paceline
