// links: kernels
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "kernels/packed_dense.h"

namespace paceline {
namespace {

/// Small numbers that are no denormals and no powers of two.
AlignedBuffer some_floats(std::size_t count) {
  AlignedBuffer buffer(count * sizeof(float));
  float value = 0.013F;
  for (float& x : buffer.as<float>()) x = value = 0.7F - value;
  return buffer;
}

/// rows x depth -> out, of BERT-base's four products and a small one. Reports multiply-adds x 2 per second.
void dense(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  const auto rows = static_cast<int32_t>(state.range(0));
  const auto depth = static_cast<int32_t>(state.range(1));
  const auto out = static_cast<int32_t>(state.range(2));
  const int32_t outputs[] = {out};
  const PackedDense packed(kernels, depth, outputs);
  AlignedBuffer in = some_floats(static_cast<std::size_t>(rows) * static_cast<std::size_t>(depth + 16));
  AlignedBuffer result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(out + 16) * sizeof(float));
  for (auto _ : state) {
    kernels.dense({.in = {in.as<float>().data(), static_cast<std::size_t>(depth) + 16},
                   .rows = rows,
                   .depth = depth,
                   .panels = packed.panels().data(),
                   .panel_count = static_cast<int32_t>(packed.panels().size()),
                   .epilogue = static_cast<Epilogue>(state.range(3)),
                   .out = {result.as<float>().data(), static_cast<std::size_t>(out) + 16}});
  }
  state.counters["FLOPS"] = benchmark::Counter(2.0 * rows * depth * out, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(std::string(kernels.name));
}
BENCHMARK(dense)
    ->ArgNames({"rows", "depth", "out", "epilogue"})
    ->ArgsProduct({{8, 32, 128}, {768}, {768, 2304}, {static_cast<int>(Epilogue::kStore)}})
    ->ArgsProduct({{8, 32, 128}, {768}, {3072}, {static_cast<int>(Epilogue::kGelu)}})
    ->ArgsProduct({{8, 32, 128}, {3072}, {768}, {static_cast<int>(Epilogue::kAdd)}});

/// One head of 64 columns, of one sequence.
void attention(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  const auto tokens = static_cast<int32_t>(state.range(0));
  constexpr int32_t kHeadDim = 64;
  constexpr std::size_t kStride = 3 * 768 + 16;
  AlignedBuffer qkv = some_floats(static_cast<std::size_t>(tokens) * kStride);
  AlignedBuffer out(static_cast<std::size_t>(tokens) * kHeadDim * sizeof(float));
  AlignedBuffer scratch(kernels.attention_scratch(tokens, kHeadDim) * sizeof(float));
  const float* data = qkv.as<float>().data();
  const AttentionArgs args{.query = {data, kStride},
                           .key = {data + 768, kStride},
                           .value = {data + 1536, kStride},
                           .queries = tokens,
                           .tokens = tokens,
                           .head_dim = kHeadDim,
                           .out = {out.as<float>().data(), kHeadDim},
                           .scratch = scratch.as<float>().data()};
  for (auto _ : state) kernels.attention(args);
  state.counters["FLOPS"] =
      benchmark::Counter(4.0 * args.queries * tokens * kHeadDim, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(attention)->ArgName("tokens")->Arg(8)->Arg(32)->Arg(128)->Arg(512);

/// 128 rows of 768.
void layer_norm(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  constexpr int32_t kRows = 128;
  constexpr int32_t kColumns = 768;
  AlignedBuffer rows = some_floats(static_cast<std::size_t>(kRows) * kColumns);
  AlignedBuffer weights = some_floats(2 * kColumns);
  for (auto _ : state) {
    kernels.layer_norm({.rows = {rows.as<float>().data(), kColumns},
                        .count = kRows,
                        .columns = kColumns,
                        .scale = weights.as<float>().data(),
                        .bias = weights.as<float>().data() + kColumns,
                        .epsilon = 1e-5F});
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(layer_norm);

}  // namespace
}  // namespace paceline
