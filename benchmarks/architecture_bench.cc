// links: model machine network
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu_topology.h"
#include "base/json.h"
#include "machine/machine.h"
#include "model/encoder_model.h"
#include "network/architecture.h"
#include "network/network.h"

namespace paceline {
namespace {

/// A network of a config.json with weights that are random but small: speed depends on neither.
class RandomModel {
 public:
  explicit RandomModel(const std::filesystem::path& config)
      : network_(describe_network(read_json_file(config), {}, config.string())) {
    for_each_weight(network_, [&](const Weight& weight) {
      Stored& stored = tensors_[weight.name];
      int64_t count = 1;
      for (const int64_t size : weight.shape) count *= size;
      stored.values.resize(static_cast<std::size_t>(count));
      for (float& value : stored.values) {
        random_ = random_ * 6364136223846793005u + 1442695040888963407u;
        value = 0.04F * (static_cast<float>(random_ >> 40) / static_cast<float>(1 << 23) - 1.0F);
      }
      stored.view = {DType::kF32, weight.shape, std::as_bytes(std::span(stored.values))};
    });
  }

  const Network& network() const { return network_; }
  WeightSource source() const {
    return [this](const Weight& weight) -> const TensorView& { return tensors_.at(weight.name).view; };
  }

 private:
  struct Stored {
    std::vector<float> values;
    TensorView view;
  };

  Network network_;
  std::map<std::string, Stored> tensors_;
  uint64_t random_ = 1;
};

PackedBatch make_batch(const Network& network, int32_t texts, int32_t tokens) {
  PackedBatch batch;
  for (int32_t i = 0; i < texts; ++i) {
    for (int32_t place = 0; place < tokens; ++place) {
      batch.input_ids.push_back((i * 31 + place * 7) % std::min(network.vocab_size, 20000));
      if (network.token_types > 1) batch.token_type_ids.push_back(0);
    }
    batch.cu_seqlens.push_back(batch.cu_seqlens.back() + tokens);
  }
  batch.max_seqlen = tokens;
  return batch;
}

/// One after the other: the models together would not fit into every machine's memory.
struct Held {
  std::string config;
  NumberType type = NumberType::kFp32;
  std::unique_ptr<EncoderModel> model;
};

EncoderModel& model_of(const std::string& config, NumberType type) {
  static Held held;
  if (held.config != config || held.type != type) {
    held.model.reset();
    const RandomModel random(config);
    held = {config, type,
            std::make_unique<EncoderModel>(random.network(), random.source(),
                                           EncoderOptions{.threads = resolve_threads(0), .type = type})};
  }
  return *held.model;
}

/// A whole forward pass on all threads, and its share of the roof measured just before.
void run(benchmark::State& state, const std::string& config, NumberType type) {
  EncoderModel& model = model_of(config, type);
  const auto texts = static_cast<int32_t>(state.range(0));
  const auto tokens = static_cast<int32_t>(state.range(1));
  const PackedBatch batch = make_batch(model.network(), texts, tokens);
  std::vector<float> logits(static_cast<std::size_t>(texts) * static_cast<std::size_t>(model.network().outputs));
  const Roof roof = measure_roof(model.threads());
  for (auto _ : state) model.run(batch, logits);
  const double peak = type == NumberType::kFp32   ? roof.fp32_gflops
                      : type == NumberType::kBf16 ? roof.bf16_gflops
                                                  : roof.int8_gops;
  // Roofs' worth of work per second: the share, although the library prints it as a rate.
  state.counters["share_of_roof"] = benchmark::Counter(forward_flops(model.network(), tokens) * texts / (peak * 1e9),
                                                       benchmark::Counter::kIsIterationInvariantRate);
  state.SetItemsProcessed(state.iterations() * texts);
}

/// Every config.json of benchmarks/architectures in every number type.
const bool kRegistered = [] {
  std::vector<std::filesystem::path> configs;
  for (const auto& entry : std::filesystem::directory_iterator(PACELINE_ARCHITECTURES)) configs.push_back(entry.path());
  std::sort(configs.begin(), configs.end());
  const std::pair<const char*, NumberType> types[] = {
      {"fp32", NumberType::kFp32}, {"bf16", NumberType::kBf16}, {"int8", NumberType::kInt8}};
  for (const std::filesystem::path& config : configs) {
    for (const auto& [name, type] : types) {
      benchmark::RegisterBenchmark((config.stem().string() + "/" + name).c_str(), run, config.string(), type)
          ->ArgNames({"texts", "tokens"})
          ->Args({1, 64})
          ->Args({1, 128})
          ->Args({8, 32})
          ->Args({8, 64})
          ->Args({8, 128})
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace paceline
