#include "bench/contender.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "backend/registry.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// A probe's time is not known yet; patience must cover a slow machine.
constexpr double kProbeSeconds = 10;

std::vector<BackendEntry> selected_backends(const std::vector<std::string>& names) {
  if (names.empty()) return known_backends();
  std::vector<BackendEntry> entries;
  for (const std::string& name : names) entries.push_back(find_backend(name));
  return entries;
}

bool wanted(const std::vector<std::string>& compute_types, const std::string& type) {
  return compute_types.empty() || std::find(compute_types.begin(), compute_types.end(), type) != compute_types.end();
}

std::unique_ptr<Worker> load(Contender& contender, const BenchSubject& subject, const BenchEnvironment& environment) {
  std::unique_ptr<Worker> worker = environment.start_worker(contender.name());
  const LoadedBackend loaded = worker->load({.model_dir = subject.model_dir,
                                             .backend = {.name = contender.result.backend,
                                                         .compute_type = contender.result.compute_type,
                                                         .device = contender.result.device,
                                                         .threads = subject.threads,
                                                         .cache_dir = subject.cache_dir}});
  contender.result.version = loaded.info.version;
  contender.result.settings = loaded.info.settings;
  contender.result.dtype = loaded.info.dtype;
  contender.result.padded = loaded.info.padded;
  contender.result.threads = loaded.info.threads;
  contender.result.load_ms = loaded.load_ms;
  contender.outputs = loaded.info.outputs;
  return worker;
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
    contender.fail(error.what());
    return false;
  }
}

std::vector<Contender> select_contenders(const BenchOptions& options) {
  std::vector<Contender> contenders;
  for (const BackendEntry& entry : selected_backends(options.backends)) {
    for (const std::string& type : entry.compute_types) {
      if (!wanted(options.compute_types, type)) continue;
      Contender contender;
      contender.result.backend = entry.name;
      contender.result.compute_type = type;
      contender.result.padded = entry.padded;
      contender.named = !options.backends.empty();
      contenders.push_back(std::move(contender));
    }
  }
  for (const std::string& type : options.compute_types) {
    const bool found = std::any_of(contenders.begin(), contenders.end(),
                                   [&](const Contender& one) { return one.result.compute_type == type; });
    if (!found) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[bench] none of the chosen backends computes in {}. `paceline doctor` shows which "
                              "compute types each has.",
                              type));
    }
  }
  return contenders;
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
    contender.worker->send_texts(subject.workload.encodings);
  } catch (const Error& error) {
    contender.fail(error.what());
    if (contender.named && error.code() == ErrorCode::kUnavailable) throw;
  }
}

void probe_contender(Contender& contender, const BenchSubject& subject) {
  const std::vector<int32_t>& lengths = subject.workload.lengths;
  const BatchIndices one = middle_texts(lengths, 1);
  const BatchIndices several = middle_texts(lengths, kProbeTexts);
  // Twice each, the faster counts: a probe tells what the work costs, not what disturbs it.
  const std::vector<BatchIndices> batches{one, one, several, several};
  with_worker(contender, [&](Worker& worker) {
    const std::vector<double> seconds = worker.time_batches(batches, kProbeSeconds);
    const bool padded = contender.result.padded;
    contender.cost =
        fit_cost(subject.work.batch_flops(as_planned(one, lengths), padded), std::min(seconds[0], seconds[1]),
                 subject.work.batch_flops(as_planned(several, lengths), padded), std::min(seconds[2], seconds[3]));
    contender.cost.padded = padded;
    contender.note_shapes(batches, lengths);
  });
}

}  // namespace paceline
