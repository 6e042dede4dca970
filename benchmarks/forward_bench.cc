// links: model_testing machine
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu_topology.h"
#include "machine/machine.h"
#include "model/encoder_model.h"
#include "model/testing/synthetic_model.h"
#include "network/network.h"

namespace paceline {
namespace {

const SyntheticModel& bert_base() {
  static const SyntheticModel synthetic(
      {.hidden = 768, .heads = 12, .inner = 3072, .blocks = 12, .vocab = 32005, .max_tokens = 512, .labels = 5});
  return synthetic;
}

/// Runs a shape and shows the share of the roof measured just before.
void run(benchmark::State& state, EncoderModel& model, NumberType type) {
  const SyntheticModel& synthetic = bert_base();
  const std::vector<int32_t> lengths(static_cast<std::size_t>(state.range(0)), static_cast<int32_t>(state.range(1)));
  const PackedBatch batch = synthetic.batch(lengths);
  std::vector<float> logits(lengths.size() * 5);
  const Roof roof = measure_roof(model.threads());
  for (auto _ : state) model.run(batch, logits);
  const double flops = forward_flops(synthetic.network(), lengths.front()) * static_cast<double>(lengths.size());
  // Roofs' worth of work per second: the share, although the library prints it as a rate.
  const double peak = type == NumberType::kFp32   ? roof.fp32_gflops
                      : type == NumberType::kBf16 ? roof.bf16_gflops
                                                  : roof.int8_gops;
  state.counters["share_of_roof"] =
      benchmark::Counter(flops / (peak * 1e9), benchmark::Counter::kIsIterationInvariantRate);
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetLabel(std::string(model.kernels().name));
}

/// A whole forward pass of a BERT-base shape on all threads, split as the engine chooses or as a benchmark wants.
template <NumberType kType, Split kSplit = Split::kAuto>
void forward(benchmark::State& state) {
  static EncoderModel model(bert_base().network(), bert_base().source(),
                            {.threads = resolve_threads(0), .type = kType, .split = kSplit});
  run(state, model, kType);
}
void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"texts", "tokens"})
      ->Args({1, 8})
      ->Args({1, 32})
      ->Args({1, 128})
      ->Args({8, 32})
      ->Args({32, 32})
      ->Args({1, 512})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_TEMPLATE(forward, NumberType::kFp32)->Apply(shapes);
BENCHMARK_TEMPLATE(forward, NumberType::kBf16)->Apply(shapes);
BENCHMARK_TEMPLATE(forward, NumberType::kInt8)->Apply(shapes);

/// Around the number of tokens from which another way to share the work out is faster: kTokensPerThread.
void splits(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"texts", "tokens"})
      ->ArgsProduct({{1}, {32, 48, 64, 96}})
      ->ArgsProduct({{2}, {16, 24, 32, 48}})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_TEMPLATE(forward, NumberType::kFp32, Split::kColumns)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kFp32, Split::kRows)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kFp32, Split::kSequences)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kBf16, Split::kColumns)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kBf16, Split::kRows)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kBf16, Split::kSequences)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kInt8, Split::kColumns)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kInt8, Split::kRows)->Apply(splits);
BENCHMARK_TEMPLATE(forward, NumberType::kInt8, Split::kSequences)->Apply(splits);

}  // namespace
}  // namespace paceline
