// links: model machine
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu_topology.h"
#include "machine/machine.h"
#include "model/encoder_model.h"
#include "model/synthetic_model.h"
#include "network/network.h"

namespace paceline {
namespace {

/// A whole forward pass of a BERT-base shape on all threads, with the share of the roof measured just before.
template <NumberType kType>
void forward(benchmark::State& state) {
  static const SyntheticModel synthetic(
      {.hidden = 768, .heads = 12, .inner = 3072, .blocks = 12, .vocab = 32005, .max_tokens = 512, .labels = 5});
  static EncoderModel model(synthetic.network(), synthetic.source(), {.threads = resolve_threads(0), .type = kType});
  const std::vector<int32_t> lengths(static_cast<std::size_t>(state.range(0)), static_cast<int32_t>(state.range(1)));
  const PackedBatch batch = synthetic.batch(lengths);
  std::vector<float> logits(lengths.size() * 5);
  const Roof roof = measure_roof(model.threads());
  for (auto _ : state) model.run(batch, logits);
  const double flops = forward_flops(synthetic.network(), lengths.front()) * static_cast<double>(lengths.size());
  // Roofs' worth of work per second: the share, although the library prints it as a rate.
  const double peak = kType == NumberType::kFp32   ? roof.fp32_gflops
                      : kType == NumberType::kBf16 ? roof.bf16_gflops
                                                   : roof.int8_gops;
  state.counters["share_of_roof"] =
      benchmark::Counter(flops / (peak * 1e9), benchmark::Counter::kIsIterationInvariantRate);
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetLabel(std::string(model.kernels().name));
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

}  // namespace
}  // namespace paceline
