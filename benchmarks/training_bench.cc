// links: torch_engine machine
#include <ATen/record_function.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "backend/torch/torch_trainer.h"
#include "base/cpu_topology.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "machine/machine.h"
#include "statistics/random.h"

namespace paceline {
namespace {

constexpr int kTexts = 32;

/// Of this thread, so that other processes on the machine count for little.
double seconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of each of PyTorch's operators without those that it calls, and of the whole way back.
class OperatorTimes {
 public:
  static OperatorTimes& get() {
    static OperatorTimes times;
    return times;
  }

  void watch() {
    handle_ = at::addGlobalCallback(
        at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  }
  void unwatch() { at::removeCallback(handle_); }

  std::map<std::string, double> own;
  double backward = 0;

 private:
  struct Running {
    std::string name;
    bool backward;
    double since;
    double inner = 0;
  };

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    get().running_.push_back({function.name(), function.scope() == at::RecordScope::BACKWARD_FUNCTION, seconds()});
    return nullptr;
  }
  static void end(const at::RecordFunction&, at::ObserverContext*) {
    OperatorTimes& times = get();
    const Running done = times.running_.back();
    times.running_.pop_back();
    const double spent = seconds() - done.since;
    times.own[done.name] += spent - done.inner;
    if (!times.running_.empty()) times.running_.back().inner += spent;
    const bool inside =
        std::any_of(times.running_.begin(), times.running_.end(), [](auto& one) { return one.backward; });
    if (done.backward && !inside) times.backward += spent;
  }

  at::CallbackHandle handle_ = 0;
  std::vector<Running> running_;
};

/// MiniLM's shape with random weights, which are small as those of a trained model are.
const Checkpoint& minilm(int64_t words) {
  static std::map<int64_t, Checkpoint> made;
  static TemporaryFolder folder;
  Checkpoint& checkpoint = made[words];
  if (!checkpoint.network().layers.empty()) return checkpoint;
  Json config = tiny_config();
  config.update({{"hidden_size", 384},
                 {"num_hidden_layers", 6},
                 {"num_attention_heads", 12},
                 {"intermediate_size", 1536},
                 {"max_position_embeddings", 514},
                 {"vocab_size", words},
                 {"hidden_dropout_prob", 0.1},
                 {"attention_probs_dropout_prob", 0.1}});
  const auto path = folder / std::to_string(words);
  std::filesystem::create_directories(path);
  write_tiny_checkpoint(path, config, [](std::string_view name, std::vector<float>& values) {
    if (name.find("LayerNorm") != std::string_view::npos) return;
    for (float& value : values) value *= 0.1F;
  });
  return checkpoint = Checkpoint::open(path);
}

/// Texts whose lengths are spread as those of Debian's descriptions: half of them have fewer than 50 tokens.
TrainingBatch random_texts(const Network& network, Random& random) {
  TrainingBatch batch;
  for (int text = 0; text < kTexts; ++text) {
    const double spread = std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(6.283185 * random.uniform());
    const auto length = static_cast<int32_t>(std::clamp(50 * std::exp(0.6 * spread), 5.0, 256.0));
    for (int32_t i = 0; i < length; ++i) {
      batch.sequences.input_ids.push_back(
          2 + static_cast<int32_t>(random.below(static_cast<uint64_t>(network.vocab_size) - 2)));
    }
    batch.sequences.cu_seqlens.push_back(static_cast<int32_t>(batch.sequences.input_ids.size()));
    batch.sequences.max_seqlen = std::max(batch.sequences.max_seqlen, length);
    const auto label = static_cast<int32_t>(random.below(3));
    for (int32_t k = 0; k < 3; ++k) batch.targets.push_back(k == label ? 1.0F : 0.0F);
    batch.weights.push_back(1);
  }
  return batch;
}

/// The way back computes a product for the weights and one for what was read: twice the work of the way there.
double step_flops(const Network& network, const PackedBatch& batch) {
  double flops = 0;
  for (int32_t text = 0; text < batch.sequences(); ++text) flops += 3 * forward_flops(network, batch.length(text));
  return flops;
}

/// Updates of a batch of 32 texts each, the same batches in each run: on one thread the time of its CPU, in ms, of the
/// forward pass, the backward pass and the optimiser. `operators`: those that cost most, as shares of the whole.
void step(benchmark::State& state, const std::string& compute_type, bool operators) {
  const Checkpoint& checkpoint = minilm(state.range(0));
  TorchTrainer trainer(checkpoint, {.compute_type = compute_type, .threads = 1});
  const Roof roof = measure_roof(1);
  Random random(1);
  OperatorTimes& times = OperatorTimes::get();
  times.own.clear();
  times.backward = 0;
  trainer.accumulate(random_texts(checkpoint.network(), random), 1.0 / kTexts);
  trainer.update(1e-5, 1);
  times.watch();
  double passes = 0, optimiser = 0, flops = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const TrainingBatch batch = random_texts(checkpoint.network(), random);
    flops += step_flops(checkpoint.network(), batch.sequences);
    state.ResumeTiming();
    const double begin = seconds();
    trainer.accumulate(batch, 1.0 / kTexts);
    const double between = seconds();
    trainer.update(1e-5, 1);
    passes += between - begin;
    optimiser += seconds() - between;
  }
  times.unwatch();
  const double steps = static_cast<double>(state.iterations());
  state.counters["forward"] = 1e3 * (passes - times.backward) / steps;
  state.counters["backward"] = 1e3 * times.backward / steps;
  state.counters["optimiser"] = 1e3 * optimiser / steps;
  state.counters["share_of_roof"] = flops / (passes + optimiser) / (roof.fp32_gflops * 1e9);
  if (!operators) return;
  std::vector<std::pair<double, std::string>> costly;
  for (const auto& [name, spent] : times.own) costly.emplace_back(spent, name);
  std::sort(costly.rbegin(), costly.rend());
  costly.resize(std::min<std::size_t>(costly.size(), 24));
  for (const auto& [spent, name] : costly) state.counters[name] = spent / (passes + optimiser);
}

void fp32(benchmark::State& state) { step(state, "fp32", false); }
void fp32_operators(benchmark::State& state) { step(state, "fp32", true); }
BENCHMARK(fp32)->ArgName("words")->Arg(30522)->Arg(250002)->Unit(benchmark::kMillisecond)->Iterations(4);
BENCHMARK(fp32_operators)->ArgName("words")->Arg(30522)->Arg(250002)->Unit(benchmark::kMillisecond)->Iterations(4);

}  // namespace
}  // namespace paceline
