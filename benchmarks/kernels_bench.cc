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

/// Rows of a number type, rounded from fp32, a cache line longer than need be.
struct SomeRows {
  SomeRows(const Kernels& kernels, NumberType type, int32_t rows, int32_t columns)
      : stride((static_cast<std::size_t>(columns) * value_bytes(type) + 127) / 64 * 64),
        bytes(static_cast<std::size_t>(rows) * stride),
        scales(static_cast<std::size_t>(rows)) {
    const AlignedBuffer floats = some_floats(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    kernels.of(type).round({.in = {floats.as<float>().data(), static_cast<std::size_t>(columns)},
                            .rows = rows,
                            .columns = columns,
                            .out = numbers()});
  }
  NumberRows numbers() { return {bytes.data(), stride, scales.data()}; }

  std::size_t stride;
  AlignedBuffer bytes;
  std::vector<RowScale> scales;
};

void set_flops(benchmark::State& state, double flops) {
  state.counters["FLOPS"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

/// rows x depth -> out, of BERT-base's four products and a small one. Reports multiply-adds x 2 per second.
template <NumberType kType>
void dense(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  const auto rows = static_cast<int32_t>(state.range(0));
  const auto depth = static_cast<int32_t>(state.range(1));
  const auto out = static_cast<int32_t>(state.range(2));
  const int32_t outputs[] = {out};
  PackedDense packed(kernels, kType, depth, outputs);
  packed.allocate();
  SomeRows in(kernels, kType, rows, depth);
  AlignedBuffer result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(out + 16) * sizeof(float));
  for (auto _ : state) {
    kernels.of(kType).dense({.in = in.numbers(),
                             .rows = rows,
                             .depth = depth,
                             .panels = packed.panels().data(),
                             .panel_count = static_cast<int32_t>(packed.panels().size()),
                             .epilogue = static_cast<Epilogue>(state.range(3)),
                             .out = {result.as<float>().data(), static_cast<std::size_t>(out) + 16}});
  }
  set_flops(state, 2.0 * rows * depth * out);
  state.SetLabel(std::string(kernels.name));
}
void products(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "depth", "out", "epilogue"})
      ->ArgsProduct({{8, 32, 128}, {768}, {768, 2304}, {static_cast<int>(Epilogue::kStore)}})
      ->ArgsProduct({{8, 32, 128}, {768}, {3072}, {static_cast<int>(Epilogue::kGelu)}})
      ->ArgsProduct({{8, 32, 128}, {3072}, {768}, {static_cast<int>(Epilogue::kAdd)}});
}
BENCHMARK_TEMPLATE(dense, NumberType::kFp32)->Apply(products);
BENCHMARK_TEMPLATE(dense, NumberType::kBf16)->Apply(products);
BENCHMARK_TEMPLATE(dense, NumberType::kInt8)->Apply(products);

/// One head of 64 columns, of one sequence.
template <NumberType kType>
void attention(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  const auto tokens = static_cast<int32_t>(state.range(0));
  constexpr int32_t kHeadDim = 64;
  constexpr int32_t kWidth = 768;
  SomeRows qkv(kernels, kType, tokens, 3 * kWidth);
  AlignedBuffer out(static_cast<std::size_t>(tokens) * kHeadDim * sizeof(float));
  AlignedBuffer scratch(kernels.attention_scratch(tokens, kHeadDim) * sizeof(float));
  const auto part = [&](std::size_t index) {
    return ConstNumberRows{qkv.bytes.data() + index * kWidth * value_bytes(kType), qkv.stride, nullptr};
  };
  const AttentionArgs args{.query = part(0),
                           .key = part(1),
                           .value = part(2),
                           .queries = tokens,
                           .tokens = tokens,
                           .head_dim = kHeadDim,
                           .out = {out.as<float>().data(), kHeadDim},
                           .scratch = scratch.as<float>().data()};
  const auto run = kType == NumberType::kFp32 ? kernels.attention_fp32 : kernels.attention_bf16;
  for (auto _ : state) run(args);
  set_flops(state, 4.0 * args.queries * tokens * kHeadDim);
}
void lengths(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("tokens")->Arg(8)->Arg(32)->Arg(128)->Arg(512);
}
BENCHMARK_TEMPLATE(attention, NumberType::kFp32)->Apply(lengths);
BENCHMARK_TEMPLATE(attention, NumberType::kBf16)->Apply(lengths);

/// The rows of 128 tokens after GELU: what int8 pays between the two products of the feed-forward.
template <NumberType kType>
void round_rows(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  constexpr int32_t kRows = 128;
  constexpr int32_t kColumns = 3072;
  const AlignedBuffer floats = some_floats(std::size_t{kRows} * kColumns);
  SomeRows out(kernels, kType, kRows, kColumns);
  for (auto _ : state) {
    kernels.of(kType).round(
        {.in = {floats.as<float>().data(), kColumns}, .rows = kRows, .columns = kColumns, .out = out.numbers()});
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK_TEMPLATE(round_rows, NumberType::kBf16);
BENCHMARK_TEMPLATE(round_rows, NumberType::kInt8);

/// 128 rows of 768.
template <NumberType kType>
void layer_norm(benchmark::State& state) {
  const Kernels& kernels = active_kernels();
  constexpr int32_t kRows = 128;
  constexpr int32_t kColumns = 768;
  AlignedBuffer rows = some_floats(static_cast<std::size_t>(kRows) * kColumns);
  AlignedBuffer weights = some_floats(2 * kColumns);
  SomeRows rounded(kernels, kType, kRows, kColumns);
  for (auto _ : state) {
    kernels.of(kType).layer_norm({.in = {rows.as<float>().data(), kColumns},
                                  .out = {rows.as<float>().data(), kColumns},
                                  .count = kRows,
                                  .columns = kColumns,
                                  .scale = weights.as<float>().data(),
                                  .bias = weights.as<float>().data() + kColumns,
                                  .epsilon = 1e-5F,
                                  .rounded = rounded.numbers()});
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK_TEMPLATE(layer_norm, NumberType::kFp32);
BENCHMARK_TEMPLATE(layer_norm, NumberType::kBf16);
BENCHMARK_TEMPLATE(layer_norm, NumberType::kInt8);

}  // namespace
}  // namespace paceline
