#include "bench/stage_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "backend/native/native_backend.h"
#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "paceline/error.h"
#include "results/statistics.h"

namespace paceline {
namespace {

constexpr int kProfileRounds = 5;

/// What two passes over batches took.
void add(StageTimes& sum, const StageTimes& more) {
  sum.threads = more.threads;
  sum.seconds += more.seconds;
  for (std::size_t i = 0; i < kStages; ++i) sum.thread_seconds[i] += more.thread_seconds[i];
}

void add(StageWork& sum, const StageWork& more) {
  sum.fp32_flops += more.fp32_flops;
  sum.bf16_flops += more.bf16_flops;
  sum.int8_flops += more.int8_flops;
  sum.counted_flops += more.counted_flops;
  sum.bytes += more.bytes;
}

/// Seconds that the arithmetic takes at the roof of its types; 0 where one of them has no known roof. Without bf16
/// instructions bf16 is computed in fp32.
double seconds_at_roof(const StageWork& work, const Roof& roof) {
  const double bf16 = roof.bf16_gflops > 0 ? roof.bf16_gflops : roof.fp32_gflops;
  double seconds = 0;
  for (const auto& [flops, gflops] :
       {std::pair{work.fp32_flops, roof.fp32_gflops}, {work.bf16_flops, bf16}, {work.int8_flops, roof.int8_gops}}) {
    if (flops > 0 && !(gflops > 0)) return 0;
    if (flops > 0) seconds += flops / gflops / 1e9;
  }
  return seconds;
}

template <class Value>
double median_of(std::span<const ProfileTurn> turns, const Value& value) {
  std::vector<double> values;
  for (const ProfileTurn& turn : turns) values.push_back(value(turn));
  return median(values);
}

/// `seconds` of a turn that the work took.
template <class Seconds>
StageFigures figures(std::span<const ProfileTurn> turns, const StageWork& work, int32_t batches,
                     const Seconds& seconds) {
  StageFigures figures;
  figures.ms = 1e3 * median_of(turns, seconds) / batches;
  figures.flops = work.flops() / batches;
  figures.bytes = work.bytes / batches;
  figures.roof_share = median_of(turns, [&](const ProfileTurn& turn) {
    return seconds(turn) > 0 ? seconds_at_roof(work, turn.roof) / seconds(turn) : 0;
  });
  return figures;
}

Roof median_roof(std::span<const ProfileTurn> turns) {
  Roof roof;
  for (const RoofFigure& figure : kRoofFigures) {
    roof.*figure.value = median_of(turns, [&](const ProfileTurn& turn) { return turn.roof.*figure.value; });
  }
  return roof;
}

struct ProfileCell {
  Configuration configuration;
  NativeBackend* engine = nullptr;
  std::vector<PackedBatch> batches;
  std::vector<ProfileTurn> turns;
};

PackedBatch pack(const PlannedBatch& planned, const std::vector<Encoding>& encodings) {
  PackedBatch batch;
  for (const uint32_t index : planned.indices) {
    append_sequence(batch, encodings[index].input_ids, encodings[index].token_type_ids);
  }
  return batch;
}

class StageProfiler {
 public:
  StageProfiler(const BenchOptions& options, const BenchSubject& subject, BenchResults& results)
      : options_(options), subject_(subject), results_(results) {}

  void run() {
    load();
    // The first round warms up, and counts for nothing.
    for (int round = 0; round <= kProfileRounds; ++round) {
      if (!run_round(round)) {
        results_.interrupted = true;
        break;
      }
    }
    for (const ProfileCell& cell : cells_) {
      if (!cell.turns.empty()) results_.profiles.push_back(summarize(cell));
    }
    if (!results_.profiles.empty()) results_.roof = median_roof(cells_.front().turns);
  }

 private:
  bool interrupted() const { return options_.stop.stop_requested(); }

  void load() {
    BenchChoice native = options_.choice;
    native.backends = {kNativeBackendName};
    Selection selection =
        select_contenders(native, {.usable_cpus = subject_.usable_cpus, .cpu_flags = results_.machine.cpu_flags});
    std::ranges::move(selection.notes, std::back_inserter(results_.notes));
    GridOptions sizes{.batch_sizes = options_.choice.batch_sizes, .max_batch_tokens = {}, .orders = {}};
    std::ranges::move(leave_out_unfilled(sizes, subject_.workload.lengths, subject_.workload.summary.unit()),
                      std::back_inserter(results_.notes));
    const Checkpoint checkpoint = Checkpoint::open(subject_.model_dir, subject_.checkpoint_options);
    for (const Contender& contender : selection.contenders) {
      const BackendResult& chosen = contender.result;
      engines_.push_back(std::make_unique<NativeBackend>(checkpoint, backend_options(chosen, subject_.cache_dir)));
      for (const int32_t batch_size : sizes.batch_sizes) add_cell(chosen, batch_size);
    }
  }

  void add_cell(const BackendResult& chosen, int32_t batch_size) {
    ProfileCell cell;
    cell.configuration = {.backend = kNativeBackendName,
                          .compute_type = chosen.compute_type,
                          .batch_size = batch_size,
                          .order = options_.choice.orders.front(),
                          .threads = chosen.threads};
    cell.engine = engines_.back().get();
    for (const PlannedBatch& planned :
         profile_batches(subject_.workload.lengths, batch_size, cell.configuration.order)) {
      cell.batches.push_back(pack(planned, subject_.workload.encodings));
    }
    cells_.push_back(std::move(cell));
  }

  /// A turn of each cell, kept from round 1 on. Whether the round was whole; what is not is dropped.
  bool run_round(int round) {
    const Roof roof = measure_roof(cells_.front().engine->info().threads);
    std::vector<ProfileTurn> turns;
    for (const ProfileCell& cell : cells_) {
      if (interrupted()) return false;
      if (options_.listener.progress != nullptr) {
        const auto done = static_cast<double>(static_cast<std::size_t>(round) * cells_.size() + turns.size());
        options_.listener.progress->update(
            done, static_cast<double>((kProfileRounds + 1) * cells_.size()),
            fmt::format("{}, batch size {}", cell.configuration.compute_type, cell.configuration.batch_size));
      }
      turns.push_back({.times = time(cell), .roof = roof});
    }
    for (std::size_t i = 0; round > 0 && i < cells_.size(); ++i) cells_[i].turns.push_back(turns[i]);
    return true;
  }

  StageTimes time(const ProfileCell& cell) {
    StageTimes times;
    logits_for(cell, cell.batches.front());
    cell.engine->run(cell.batches.front(), logits_);  // another engine has emptied the caches
    for (const PackedBatch& batch : cell.batches) {
      logits_for(cell, batch);
      add(times, cell.engine->run_timed(batch, logits_));
    }
    return times;
  }

  void logits_for(const ProfileCell& cell, const PackedBatch& batch) {
    logits_.resize(static_cast<std::size_t>(batch.sequences()) * static_cast<std::size_t>(cell.engine->info().outputs));
  }

  static StageProfile summarize(const ProfileCell& cell) {
    std::array<StageWork, kStages> works{};
    int64_t texts = 0;
    int64_t tokens = 0;
    for (const PackedBatch& batch : cell.batches) {
      const std::array<StageWork, kStages> more = cell.engine->works(batch);
      for (std::size_t i = 0; i < kStages; ++i) add(works[i], more[i]);
      texts += batch.sequences();
      tokens += batch.tokens();
    }
    StageProfile profile = summarize_profile(cell.turns, works, static_cast<int32_t>(cell.batches.size()));
    profile.configuration = cell.configuration;
    profile.texts = texts;
    profile.tokens = tokens;
    return profile;
  }

  const BenchOptions& options_;
  const BenchSubject& subject_;
  BenchResults& results_;
  std::vector<std::unique_ptr<NativeBackend>> engines_;
  std::vector<ProfileCell> cells_;
  std::vector<float> logits_;
};

[[noreturn]] void refuse(const std::string& given) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[bench] --profile measures native on the CPU, one configuration at a time: {} does not go with "
                  "it. Leave one of the two out.",
                  given));
}

}  // namespace

std::vector<PlannedBatch> profile_batches(std::span<const int32_t> lengths, int32_t batch_size, Order order) {
  std::vector<PlannedBatch> all = plan_batches(lengths, {.batch_size = batch_size, .order = order}).batches;
  const auto is_part = [&](const PlannedBatch& batch) { return std::ssize(batch.indices) < batch_size; };
  if (!std::ranges::all_of(all, is_part)) std::erase_if(all, is_part);
  const std::size_t count =
      std::clamp<std::size_t>(static_cast<std::size_t>(kTextsPerTurn / batch_size), 1, all.size());
  std::vector<PlannedBatch> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(all[(2 * i + 1) * all.size() / (2 * count)]);
  return chosen;
}

StageProfile summarize_profile(std::span<const ProfileTurn> turns, const std::array<StageWork, kStages>& works,
                               int32_t batches) {
  StageProfile profile;
  profile.rounds = static_cast<int32_t>(turns.size());
  profile.batches = batches;
  StageWork all;
  for (std::size_t i = 0; i < kStages; ++i) {
    add(all, works[i]);
    profile.stages.push_back(figures(turns, works[i], batches, [i](const ProfileTurn& turn) {
      return turn.times.thread_seconds[i] / turn.times.threads;
    }));
    profile.stages.back().stage = stage_name(static_cast<Stage>(i));
  }
  profile.total = figures(turns, all, batches, [](const ProfileTurn& turn) { return turn.times.seconds; });
  profile.total.stage = "total";
  profile.counted_flops = all.counted_flops / batches;
  return profile;
}

void check_profile_options(const BenchOptions& options) {
  for (const std::string& name : options.choice.backends) {
    if (find_backend(name).name != kNativeBackendName) refuse("--backends " + name);
  }
  if (!options.choice.files.empty()) refuse(find_backend(options.choice.files.front().backend).files->flag);
  for (const std::string& device : options.choice.devices) {
    if (device != "cpu") refuse("--devices " + device);
  }
  if (!options.choice.max_batch_tokens.empty()) refuse("--max-batch-tokens");
  if (options.choice.threads.size() > 1) refuse("more than one number of --threads");
  if (options.choice.instances != std::vector<int32_t>{1}) refuse("--instances");
  if (options.method.protocol != Protocol::kBudget) refuse("--protocol");
  if (options.method.resume) refuse("--resume");
  if (options.method.dry_run) refuse("--dry-run");
  if (!options.texts.labelled.empty()) refuse("--data");
}

void profile_stages(const BenchOptions& options, const BenchSubject& subject, BenchResults& results) {
  StageProfiler(options, subject, results).run();
}

}  // namespace paceline
