#include "targets/target_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <set>

#include "base/cpu_topology.h"
#include "bench/process_worker.h"
#include "bench/workload.h"
#include "checkpoint/checkpoint.h"
#include "network/network.h"
#include "paceline/error.h"
#include "results/statistics.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

/// A shape is run until then, and at least once.
constexpr double kTurnSeconds = 0.5;
constexpr int kLoads = 3;
/// Texts of the mixed and the sorted shapes.
constexpr std::size_t kTexts = 128;

/// The texts of every shape, as one list that the workers know by index.
class ShapeTexts {
 public:
  ShapeTexts(const Workload& workload, const std::set<BatchShape>& shapes)
      : workload_(workload), texts_(workload.encodings) {
    for (const BatchShape& shape : shapes) batches_[shape] = make_batches(shape);
  }

  const std::vector<Encoding>& texts() const { return texts_; }
  const std::vector<BatchIndices>& batches(const BatchShape& shape) const { return batches_.at(shape); }

 private:
  std::vector<BatchIndices> make_batches(const BatchShape& shape) {
    if (shape.kind == BatchShape::Kind::kEqual) return {equal_batch(shape)};
    std::vector<uint32_t> order(std::min(kTexts, workload_.encodings.size()));
    std::iota(order.begin(), order.end(), 0U);
    if (shape.kind == BatchShape::Kind::kSorted) {
      std::ranges::stable_sort(order, {}, [&](uint32_t i) { return workload_.lengths[i]; });
    }
    std::vector<BatchIndices> batches;
    const auto size = static_cast<std::size_t>(shape.texts);
    for (std::size_t first = 0; first < order.size(); first += size) {
      const std::size_t last = std::min(first + size, order.size());
      batches.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(first),
                           order.begin() + static_cast<std::ptrdiff_t>(last));
    }
    return batches;
  }

  /// Cut from the texts' own ids, one after the other.
  BatchIndices equal_batch(const BatchShape& shape) {
    BatchIndices batch;
    std::size_t text = 0;
    std::size_t place = 0;
    for (int i = 0; i < shape.texts; ++i) {
      Encoding made;
      while (static_cast<int>(made.input_ids.size()) < shape.tokens) {
        const Encoding& from = workload_.encodings[text % workload_.encodings.size()];
        if (place == from.input_ids.size()) {
          ++text;
          place = 0;
          continue;
        }
        made.input_ids.push_back(from.input_ids[place]);
        if (!from.token_type_ids.empty()) made.token_type_ids.push_back(from.token_type_ids[place]);
        ++place;
      }
      batch.push_back(static_cast<uint32_t>(texts_.size()));
      texts_.push_back(std::move(made));
    }
    return batch;
  }

  const Workload& workload_;
  std::vector<Encoding> texts_;
  std::map<BatchShape, std::vector<BatchIndices>> batches_;
};

/// Two products of each block, the last one's for one query.
double attention_flops(const Network& network, int32_t tokens) {
  double flops = 0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const double queries = i + 1 == network.layers.size() ? 1 : tokens;
    const SelfAttention& attention = network.layer(i).attention;
    flops += 4.0 * queries * tokens * attention.heads * attention.head_dim;
  }
  return flops;
}

/// A runner's process and what it is asked for.
struct Lane {
  Runner runner;
  std::set<BatchShape> shapes;
  std::unique_ptr<Worker> worker;
};

std::vector<Lane> lanes_of(const std::vector<Target>& targets, const std::vector<std::string>& only) {
  std::map<Runner, std::set<BatchShape>> shapes;
  for (const Target& target : targets) {
    shapes[target.ours].insert(target.shapes.begin(), target.shapes.end());
    if (!target.peer.backend.empty()) shapes[target.peer].insert(target.shapes.begin(), target.shapes.end());
  }
  std::vector<Lane> lanes;
  for (const auto& [runner, needed] : shapes) {
    const std::string name = runner.name();
    const bool wanted = only.empty() || std::ranges::any_of(only, [&](const std::string& part) {
                          return name.find(part) != std::string::npos;
                        });
    if (wanted) lanes.push_back({.runner = runner, .shapes = needed, .worker = nullptr});
  }
  return lanes;
}

Workload encode(const std::filesystem::path& text_file, const Checkpoint& checkpoint) {
  const Tokenizer tokenizer = Tokenizer::load(checkpoint.parts().tokenizer, {.max_length = checkpoint.max_length()});
  return make_workload(
      read_all_texts(text_file, {}), tokenizer,
      {.source = text_file.filename().string(), .threads = resolve_threads(0), .max_length = checkpoint.max_length()});
}

class Run {
 public:
  Run(const std::vector<Target>& targets, const TargetRunOptions& options)
      : options_(options),
        start_worker_(make_process_workers({.command = {.executable = options.executable}})),
        checkpoint_(Checkpoint::open(options.model_dir)),
        workload_(encode(options.text_file, checkpoint_)),
        lanes_(lanes_of(targets, options.only)),
        shapes_(workload_, all_shapes()) {}

  TargetTimes run() {
    count_work();
    for (Lane& lane : lanes_) load(lane);
    for (int round = 0; round < options_.rounds; ++round) {
      options_.show(fmt::format("round {} of {}", round + 1, options_.rounds));
      times_.roofs.push_back(measure_roof(resolve_threads(0)));
      for (std::size_t i = 0; i < lanes_.size(); ++i) {
        measure(lanes_[(i + static_cast<std::size_t>(round)) % lanes_.size()]);
      }
    }
    return std::move(times_);
  }

 private:
  std::set<BatchShape> all_shapes() const {
    std::set<BatchShape> shapes;
    for (const Lane& lane : lanes_) shapes.insert(lane.shapes.begin(), lane.shapes.end());
    return shapes;
  }

  void count_work() {
    for (const BatchShape& shape : all_shapes()) {
      for (const BatchIndices& batch : shapes_.batches(shape)) {
        for (const uint32_t text : batch) {
          const auto tokens = static_cast<int32_t>(shapes_.texts()[text].input_ids.size());
          const double attention = attention_flops(checkpoint_.network(), tokens);
          times_.attention_flops[shape] += attention;
          times_.dense_flops[shape] += forward_flops(checkpoint_.network(), tokens) - attention;
        }
      }
    }
  }

  void load(Lane& lane) {
    options_.show(fmt::format("loading {}", lane.runner.name()));
    try {
      double fastest = 0;
      for (int i = 0; i < kLoads; ++i) {
        lane.worker = start_worker_(lane.runner.name());
        const LoadedBackend loaded =
            lane.worker->load({.model_dir = options_.model_dir,
                               .backend = {.name = lane.runner.backend, .compute_type = lane.runner.compute_type}});
        fastest = i == 0 ? loaded.load_ms / 1e3 : std::min(fastest, loaded.load_ms / 1e3);
      }
      times_.load_seconds[lane.runner] = fastest;
      lane.worker->send_texts(shapes_.texts());
    } catch (const Error& error) {
      lane.worker.reset();
      times_.missing[lane.runner] = error.what();
    }
  }

  /// The higher roof counts: a neighbour takes from one of them, and a share above what it left would be no share.
  void raise_roof() {
    const Roof now = measure_roof(resolve_threads(0));
    Roof& roof = times_.roofs.back();
    for (const RoofFigure& figure : kRoofFigures) {
      if (figure.of_compute_type) roof.*figure.value = std::max(roof.*figure.value, now.*figure.value);
    }
  }

  void measure(Lane& lane) {
    if (lane.worker == nullptr) return;
    if (lane.runner.backend == "native") raise_roof();
    for (const BatchShape& shape : lane.shapes) {
      const std::vector<BatchIndices>& batches = shapes_.batches(shape);
      double fastest = 0;
      double spent = 0;
      for (int call = 0; spent < kTurnSeconds; ++call) {
        const double seconds = lane.worker->time_batches(batches, 60).total_seconds;
        fastest = call == 0 ? seconds : std::min(fastest, seconds);
        spent += seconds;
      }
      times_.seconds[{lane.runner, shape}].push_back(fastest);
    }
  }

  const TargetRunOptions& options_;
  WorkerFactory start_worker_;
  Checkpoint checkpoint_;
  Workload workload_;
  std::vector<Lane> lanes_;
  ShapeTexts shapes_;
  TargetTimes times_;
};

/// Seconds that the work would take at the roof of a round; 0 where the CPU has no instructions for the type. Attention
/// of int8 is computed in bf16.
double seconds_at_roof(const std::string& compute_type, const Roof& roof, double dense, double attention) {
  const double dense_peak = compute_type == "fp32"   ? roof.fp32_gflops
                            : compute_type == "bf16" ? roof.bf16_gflops
                                                     : roof.int8_gops;
  const double attention_peak = compute_type == "fp32" || roof.bf16_gflops == 0 ? roof.fp32_gflops : roof.bf16_gflops;
  if (dense_peak == 0) return 0;
  return dense / (dense_peak * 1e9) + attention / (attention_peak * 1e9);
}

/// Of all rounds.
Series seconds_at_roof(const Runner& runner, const BatchShape& shape, const TargetTimes& times) {
  Series seconds;
  for (const Roof& roof : times.roofs) {
    seconds.push_back(
        seconds_at_roof(runner.compute_type, roof, times.dense_flops.at(shape), times.attention_flops.at(shape)));
  }
  return seconds;
}

/// A runner's times of one shape.
struct Found {
  BatchShape shape;
  const Series* seconds = nullptr;  // null: it was not measured
};

/// Of the shape where the runner is fastest for each text; mixed and sorted shapes are of the same texts.
Found find_best(const TargetTimes& times, const Runner& runner, const std::vector<BatchShape>& shapes) {
  Found best;
  for (const BatchShape& shape : shapes) {
    const auto found = times.seconds.find({runner, shape});
    if (found == times.seconds.end()) continue;
    if (best.seconds == nullptr || median(found->second) < median(*best.seconds)) best = {shape, &found->second};
  }
  return best;
}

Verdict without_time(const Target& target, const TargetTimes& times) {
  Verdict verdict;
  verdict.why_not = "it was not asked for";
  for (const Runner& runner : {target.ours, target.peer}) {
    const auto found = times.missing.find(runner);
    if (found == times.missing.end()) continue;
    verdict.failed = true;
    verdict.why_not = found->second;
  }
  return verdict;
}

}  // namespace

TargetTimes measure_targets(const std::vector<Target>& targets, const TargetRunOptions& options) {
  return Run(targets, options).run();
}

Verdict judge(const Target& target, const TargetTimes& times) {
  Verdict verdict;
  const Found ours = find_best(times, target.ours, target.shapes);
  if (ours.seconds == nullptr) return without_time(target, times);
  const Series at_roof = seconds_at_roof(target.ours, ours.shape, times);
  const bool has_roof = at_roof.front() > 0;
  if (target.kind == Target::Kind::kRoofShare) {
    if (!has_roof) {
      verdict.why_not = fmt::format("this CPU has no instructions for {}", target.ours.compute_type);
      return verdict;
    }
    verdict.value = estimate_ratio(at_roof, *ours.seconds);
    verdict.at_roof = 1;
  } else {
    const Found peer = find_best(times, target.peer, target.shapes);
    if (peer.seconds == nullptr) return without_time(target, times);
    verdict.value = estimate_ratio(*peer.seconds, *ours.seconds);
    if (has_roof) verdict.at_roof = estimate_ratio(*peer.seconds, at_roof).median;
  }
  verdict.measured = true;
  verdict.required = verdict.value.high >= target.required;
  verdict.stretch = verdict.value.median >= target.stretch;
  return verdict;
}

}  // namespace paceline
