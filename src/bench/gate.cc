#include "bench/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "answer/predict.h"
#include "batch/batch_planner.h"
#include "machine/compute_type.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// What one text's logits decide, and by how much.
struct Decision {
  std::vector<bool> labels;  ///< on or off
  double margin = 0;         ///< how far the closest label is from switching
};

Decision best_label(std::span<const float> row) {
  Decision decision{.labels = std::vector<bool>(row.size()), .margin = INFINITY};
  const auto best = static_cast<std::size_t>(predict(row, ProblemType::kSingleLabelClassification, 1).front().label);
  decision.labels[best] = true;
  for (std::size_t other = 0; other < row.size(); ++other) {
    if (other != best) decision.margin = std::min(decision.margin, static_cast<double>(row[best]) - row[other]);
  }
  return decision;
}

Decision label_signs(std::span<const float> row) {
  Decision decision{.labels = {}, .margin = INFINITY};
  for (float logit : row) {
    decision.labels.push_back(logit > 0);
    decision.margin = std::min(decision.margin, std::fabs(static_cast<double>(logit)));
  }
  return decision;
}

double label_agreement(std::span<const float> expected, std::span<const float> logits, const GateOptions& options) {
  if (!options.has_labels || options.problem_type == ProblemType::kRegression) return 1;
  const auto decide = options.problem_type == ProblemType::kMultiLabelClassification ? label_signs : best_label;
  const std::size_t columns = static_cast<std::size_t>(options.outputs);
  int64_t decided = 0;
  int64_t same = 0;
  for (std::size_t first = 0; first < expected.size(); first += columns) {
    const std::span<const float> wanted_row = expected.subspan(first, columns);
    const std::span<const float> row = logits.subspan(first, columns);
    if (!all_finite(wanted_row) || !all_finite(row)) {
      ++decided;
      continue;
    }
    const Decision wanted = decide(wanted_row);
    if (wanted.margin < kTieMargin) continue;
    ++decided;
    if (decide(row).labels == wanted.labels) ++same;
  }
  return decided == 0 ? 1 : static_cast<double>(same) / static_cast<double>(decided);
}

void judge(GateResult& result, bool all_numbers, const GateOptions& options) {
  const std::string against = fmt::format("{} against {}", counted(result.texts, "text"), result.oracle);
  if (!all_numbers) {
    result.verdict = fmt::format("some answers are not numbers ({}).", against);
  } else if (is_exact(options.compute_type)) {
    result.accepted = result.max_relative_diff <= kFp32Tolerance;
    result.verdict = fmt::format("largest difference {} of the largest logit, {:.0e} allowed ({}).",
                                 format_difference(result.max_relative_diff), kFp32Tolerance, against);
  } else {
    result.accepted = result.agreement >= options.min_agreement;
    result.verdict = fmt::format("{:.2f} % of the labels are equal, {:.2f} % are required ({}).",
                                 100 * result.agreement, 100 * options.min_agreement, against);
  }
}

}  // namespace

bool is_exact(const std::string& compute_type) {
  const ComputeType* known = find_compute_type(compute_type);
  return known != nullptr && known->exact;
}

std::vector<uint32_t> gate_texts(std::span<const int32_t> lengths, std::size_t count) {
  std::vector<uint32_t> by_length(lengths.size());
  std::iota(by_length.begin(), by_length.end(), 0U);
  std::stable_sort(by_length.begin(), by_length.end(), [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  if (by_length.size() <= count || count < 2) return by_length;
  std::vector<uint32_t> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(by_length[i * (by_length.size() - 1) / (count - 1)]);
  return chosen;
}

std::vector<std::size_t> reference_positions(std::size_t gate_texts) {
  constexpr std::size_t kShortest = 8;
  std::vector<std::size_t> positions(std::min(kShortest, gate_texts));
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  if (gate_texts > kShortest) positions.push_back(gate_texts - 1);
  return positions;
}

std::vector<std::vector<uint32_t>> gate_batches(std::span<const uint32_t> texts, std::span<const int32_t> lengths,
                                                int32_t max_tokens) {
  std::vector<int32_t> chosen;
  for (uint32_t text : texts) chosen.push_back(lengths[text]);
  const BatchPlan plan = plan_batches(chosen, {.max_batch_tokens = max_tokens, .order = Order::kInput, .padded = true});
  std::vector<std::vector<uint32_t>> batches;
  for (const PlannedBatch& planned : plan.batches) {
    std::vector<uint32_t>& batch = batches.emplace_back();
    for (uint32_t position : planned.indices) batch.push_back(texts[position]);
  }
  return batches;
}

GateResult compare_logits(std::span<const float> expected, std::span<const float> logits, const GateOptions& options) {
  if (options.outputs < 1 || expected.empty() || expected.size() != logits.size() ||
      expected.size() % static_cast<std::size_t>(options.outputs) != 0) {
    throw Error(ErrorCode::kInternal, fmt::format("[gate] {} logits against {} in rows of {}.", logits.size(),
                                                  expected.size(), options.outputs));
  }
  GateResult result;
  result.ran = true;
  result.oracle = options.oracle;
  result.texts = static_cast<int32_t>(expected.size() / static_cast<std::size_t>(options.outputs));
  double largest = 0;
  double sum = 0;
  bool all_numbers = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(expected[i]) - static_cast<double>(logits[i]));
    all_numbers = all_numbers && std::isfinite(difference);
    largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
    if (!std::isfinite(difference)) continue;
    result.max_abs_logit_diff = std::max(result.max_abs_logit_diff, difference);
    sum += difference;
  }
  result.mean_abs_logit_diff = sum / static_cast<double>(expected.size());
  if (result.max_abs_logit_diff > 0) result.max_relative_diff = result.max_abs_logit_diff / std::max(largest, 1e-30);
  result.agreement = label_agreement(expected, logits, options);
  result.comparable = all_numbers;
  judge(result, all_numbers, options);
  return result;
}

}  // namespace paceline
