#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "results/results.h"

namespace paceline {

/// The gate: does a backend at a compute type give the answers of the oracle?

/// Texts that every backend answers.
inline constexpr std::size_t kGateTexts = 256;

/// The fewest, where the budget is small. In fp32 every text checks all of the arithmetic; the agreement that other
/// types need is a share of many.
inline constexpr std::size_t kFewestGateTexts = 32;

/// fp32 against fp32: sums in another order differ by some 1e-6 of the largest logit after 12 layers; a wrong epsilon
/// or a tanh-GELU for an erf-GELU by 1e-3. 1e-4 lies between.
inline constexpr double kFp32Tolerance = 1e-4;

/// Two logits this close have no order worth checking.
inline constexpr double kTieMargin = 1e-3;

/// `count` of the texts, evenly spaced in the order of length, the shortest and the longest among them; ascending by
/// length. All where there are no more.
std::vector<uint32_t> gate_texts(std::span<const int32_t> lengths, std::size_t count = kGateTexts);

/// Positions in gate_texts()' answer that the scalar reference checks: the 8 shortest and the longest.
std::vector<std::size_t> reference_positions(std::size_t gate_texts);

/// The gate's texts as batches of like length, at most `max_tokens` padded tokens each, in the order given.
std::vector<std::vector<uint32_t>> gate_batches(std::span<const uint32_t> texts, std::span<const int32_t> lengths,
                                                int32_t max_tokens = 4096);

/// Whether a compute type is judged by its numbers: fp32.
bool is_exact(const std::string& compute_type);

struct GateOptions {
  std::string oracle;                 ///< who gave the expected logits, for the report
  std::string compute_type = "fp32";  ///< of the backend that is checked
  ProblemType problem_type = ProblemType::kSingleLabelClassification;
  bool has_labels = true;        ///< false for an encoder, whose numbers are compared alone
  int32_t outputs = 0;           ///< columns
  double min_agreement = 0.995;  ///< for compute types other than fp32
};

/// Compares `logits` with `expected`, both [texts, outputs]. Agreement is the share of texts with the same label (the
/// largest logit; every label's sign for multi-label), texts whose expected decision hangs on less than kTieMargin not
/// counted, one with a logit that is not finite never the same. fp32 is accepted by kFp32Tolerance, other types by
/// agreement; whatever is not a number is refused.
/// Leaves `comparable` false where something is not a number.
GateResult compare_logits(std::span<const float> expected, std::span<const float> logits, const GateOptions& options);

}  // namespace paceline
