#include "bench/contender.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "results/describe.h"

namespace paceline {
namespace {

/// A probe's time is not known yet; patience must cover a slow machine.
constexpr double kProbeSeconds = 10;

std::unique_ptr<Worker> load(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment) {
  std::unique_ptr<Worker> worker = environment.start_worker(contender.name());
  const LoadedBackend loaded = worker->load({.model_dir = subject.model_dir,
                                             .backend = backend_options(contender.result, subject.cache_dir),
                                             .instances = contender.result.instances,
                                             .checkpoint_options = subject.checkpoint_options});
  contender.result.version = loaded.info.version;
  contender.result.settings = loaded.info.settings;
  contender.result.dtype = loaded.info.dtype;
  contender.result.padded = loaded.info.padded;
  contender.result.threads = loaded.info.threads;
  contender.result.load_ms = loaded.load_ms;
  contender.outputs = loaded.info.outputs;
  return worker;
}

/// Texts that go to the worker: the sample, and what comes after it.
void send_all_texts(Contender& contender, const BenchSubject& subject) {
  contender.worker->send_texts(subject.workload.encodings);
  if (!subject.length_texts.empty()) contender.worker->send_texts(subject.length_texts);
  if (subject.labelled) contender.worker->send_texts(subject.labelled->sequences.encodings);
}

/// The texts around the middle of the order of length.
BatchIndices middle_texts(const std::vector<int32_t>& lengths, std::size_t count) {
  BatchIndices by_length(lengths.size());
  std::iota(by_length.begin(), by_length.end(), 0U);
  std::stable_sort(by_length.begin(), by_length.end(), [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  count = std::min(count, by_length.size());
  const auto first = by_length.begin() + static_cast<std::ptrdiff_t>((by_length.size() - count) / 2);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

PlannedBatch as_planned(const BatchIndices& texts, const std::vector<int32_t>& lengths) {
  PlannedBatch batch{.indices = texts};
  for (uint32_t text : texts) {
    batch.tokens += lengths[text];
    batch.max_seqlen = std::max(batch.max_seqlen, lengths[text]);
  }
  return batch;
}

}  // namespace

BackendOptions backend_options(const BackendResult& result, const std::filesystem::path& cache_dir) {
  return {.name = result.engine,
          .compute_type = result.compute_type,
          .device = result.device,
          .threads = result.threads,
          .cache_dir = cache_dir,
          .file = result.file};
}

std::string Contender::name() const {
  std::string words = backend_words(result);
  if (result.instances > 1) words += fmt::format(", {} instances", result.instances);
  return words;
}

std::string left_out_words(std::span<const Contender> contenders) {
  std::vector<std::pair<std::string, std::string>> names_by_reason;
  for (const Contender& contender : contenders) {
    if (contender.running()) continue;
    const auto same =
        std::ranges::find(names_by_reason, contender.result.error, &std::pair<std::string, std::string>::first);
    if (same == names_by_reason.end()) {
      names_by_reason.emplace_back(contender.result.error, contender.name());
    } else {
      same->second += ", " + contender.name();
    }
  }
  std::string words;
  for (const auto& [reason, names] : names_by_reason) words += fmt::format("  {}: left out. {}\n", names, reason);
  return words;
}

void Contender::fail(const Error& error) {
  result.error = error.what();
  result.no_room = error.code() == ErrorCode::kResourceExhausted;
  crashed = error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kDeadlineExceeded;
  worker.reset();
}

void Contender::note_shapes(std::span<const BatchIndices> batches, std::span<const int32_t> lengths) {
  for (const BatchIndices& batch : batches) {
    int32_t longest = 0;
    for (uint32_t text : batch) longest = std::max(longest, lengths[text]);
    cost.warm.insert(shape_class(batch.size(), static_cast<int64_t>(batch.size()) * longest));
  }
}

bool with_worker(Contender& contender, const std::function<void(Worker&)>& use) {
  if (!contender.running()) return false;
  try {
    use(*contender.worker);
    return true;
  } catch (const Error& error) {
    contender.fail(error);
    return false;
  }
}

void start_contender(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment) {
  try {
    contender.worker = load(contender, subject, environment);
    const double first_ms = contender.result.load_ms;
    if (first_ms > 1e3 * kSlowLoadSeconds) {
      contender.worker.reset();
      contender.worker = load(contender, subject, environment);
      contender.first_load_seconds = std::max(0.0, first_ms - contender.result.load_ms) / 1e3;
    }
    send_all_texts(contender, subject);
  } catch (const Error& error) {
    contender.fail(error);
    if (contender.named && error.code() == ErrorCode::kUnavailable) throw;
  }
}

bool revive_contender(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment) {
  const std::string reason = contender.result.error;
  while (!contender.running() && contender.crashed && contender.restarts_left > 0) {
    --contender.restarts_left;
    contender.result.error.clear();
    environment.show(fmt::format("starting {} again", contender.name()));
    start_contender(contender, subject, environment);
  }
  if (!contender.running()) contender.result.error = reason;
  return contender.running();
}

void probe_contender(Contender& contender, const BenchSubject& subject) {
  const std::vector<int32_t>& lengths = subject.workload.lengths;
  const BatchIndices one = middle_texts(lengths, 1);
  const BatchIndices several = middle_texts(lengths, kProbeTexts);
  // Twice each, the faster counts: a probe tells what the work costs, not what disturbs it.
  const std::vector<BatchIndices> batches{one, one, several, several};
  with_worker(contender, [&](Worker& worker) {
    const std::vector<double> seconds = worker.time_batches(batches, kProbeSeconds).seconds;
    const bool padded = contender.result.padded;
    contender.cost =
        fit_cost(subject.work.batch_flops(as_planned(one, lengths), padded), std::min(seconds[0], seconds[1]),
                 subject.work.batch_flops(as_planned(several, lengths), padded), std::min(seconds[2], seconds[3]));
    contender.cost.padded = padded;
    contender.note_shapes(batches, lengths);
  });
}

}  // namespace paceline
