#include "bench/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "answer/windows.h"
#include "base/clock.h"
#include "base/thread_pool.h"
#include "paceline/error.h"
#include "results/statistics.h"
#include "statistics/random.h"
#include "words/counted.h"

namespace paceline {
namespace {

/// Takes the texts out that cannot be read.
void pass_over(std::span<const TextError> errors, Workload& workload) {
  if (errors.empty()) return;
  workload.passed_over = errors.size();
  workload.first_error = errors.front().message;
  if (errors.size() == workload.texts.size()) {
    throw Error(errors.front().code, fmt::format("[{}] none of the {} texts can be read. First error: {}",
                                                 workload.summary.source, errors.size(), workload.first_error));
  }
  std::vector<Text> kept;
  auto error = errors.begin();
  for (std::size_t text = 0; text < workload.texts.size(); ++text) {
    if (error != errors.end() && error->text == text) {
      ++error;
    } else {
      kept.push_back(std::move(workload.texts[text]));
    }
  }
  workload.texts = std::move(kept);
  workload.summary.rows_skipped += static_cast<int64_t>(errors.size());
}

}  // namespace

std::vector<uint32_t> draw_sample(std::size_t available, std::size_t wanted, uint64_t seed) {
  std::vector<uint32_t> indices(available);
  std::iota(indices.begin(), indices.end(), 0U);
  if (wanted >= available) return indices;
  Random random(seed);
  for (std::size_t i = 0; i < wanted; ++i) std::swap(indices[i], indices[i + random.below(available - i)]);
  indices.resize(wanted);
  std::sort(indices.begin(), indices.end());
  return indices;
}

Workload make_workload(TextSet texts, const Tokenizer& tokenizer, const WorkloadOptions& options) {
  if (options.texts < 1) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[--texts] is {}, expected at least 1.", options.texts));
  }
  if (texts.texts.empty()) {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] has no usable text ({} could not be read). Give a file with one text a line, or the right "
                    "--format and --text-column.",
                    options.source, counted(static_cast<int64_t>(texts.skipped), "row")));
  }
  Workload workload;
  WorkloadSummary& summary = workload.summary;
  summary.source = options.source;
  summary.texts_available = static_cast<int64_t>(texts.texts.size());
  summary.rows_skipped = static_cast<int64_t>(texts.skipped);
  summary.seed = options.seed;
  for (uint32_t index : draw_sample(texts.texts.size(), static_cast<std::size_t>(options.texts), options.seed)) {
    workload.texts.push_back(std::move(texts.texts[index]));
  }
  ThreadPool pool(options.threads);
  const double start = monotonic_seconds();
  Sequences sequences = split_windows(tokenizer.encode_all(workload.texts, pool), options.max_length);
  summary.tokenize_ms_per_text = 1e3 * (monotonic_seconds() - start) / static_cast<double>(workload.texts.size());
  workload.encodings = std::move(sequences.encodings);
  pass_over(sequences.errors, workload);
  summarize(workload);
  summary.texts = static_cast<int64_t>(workload.texts.size());
  summary.long_texts = options.long_texts;
  return workload;
}

void summarize(Workload& workload) {
  WorkloadSummary& summary = workload.summary;
  workload.lengths.clear();
  std::vector<double> lengths;
  for (const Encoding& encoding : workload.encodings) {
    workload.lengths.push_back(static_cast<int32_t>(encoding.input_ids.size()));
    lengths.push_back(static_cast<double>(encoding.input_ids.size()));
    if (encoding.truncated > 0) ++summary.truncated_texts;
  }
  summary.texts = summary.sequences = static_cast<int64_t>(lengths.size());
  summary.mean_tokens = std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
  const auto [shortest, longest] = std::minmax_element(workload.lengths.begin(), workload.lengths.end());
  summary.min_tokens = *shortest;
  summary.max_tokens = *longest;
  summary.median_tokens = median(lengths);
  summary.p95_tokens = nearest_rank(lengths, 0.95);
  summary.token_histogram.assign(static_cast<std::size_t>(*longest / summary.histogram_width) + 1, 0);
  for (int32_t length : workload.lengths) {
    ++summary.token_histogram[static_cast<std::size_t>(length / summary.histogram_width)];
  }
}

Workload make_synthetic_workload(int32_t count, int32_t vocab_size, int32_t max_length, bool token_types) {
  constexpr double kShortest = 3;  // a token between the two special ones
  Workload workload;
  workload.summary.source = "made-up ids";
  Random random(0);
  const double steps = std::max(1, count - 1);
  for (int32_t i = 0; i < count; ++i) {
    const double length = kShortest * std::pow(std::max(max_length / kShortest, 1.0), i / steps);
    Encoding encoding;
    encoding.input_ids.resize(static_cast<std::size_t>(std::clamp<double>(std::round(length), 1, max_length)));
    for (int32_t& id : encoding.input_ids) id = static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab_size)));
    if (token_types) encoding.token_type_ids.assign(encoding.input_ids.size(), 0);
    workload.encodings.push_back(std::move(encoding));
  }
  summarize(workload);
  workload.summary.texts_available = workload.summary.texts;
  return workload;
}

}  // namespace paceline
