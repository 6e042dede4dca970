// links: model checkpoint
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "base/cpu_topology.h"
#include "base/process_status.h"
#include "checkpoint/checkpoint.h"
#include "model/encoder_model.h"

namespace paceline {
namespace {

/// The most anonymous memory that the process has while this lives. The kernel keeps a peak of anonymous and mapped
/// pages together only, and the mapped ones are the page cache's to take back.
class AnonymousPeak {
 public:
  AnonymousPeak() : start_(status_bytes("RssAnon")), thread_([this] { watch(); }) {}

  /// Bytes above those at the start.
  int64_t stop() {
    done_ = true;
    thread_.join();
    return peak_ - start_;
  }

 private:
  void watch() {
    while (!done_) {
      peak_ = std::max(peak_, status_bytes("RssAnon"));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    peak_ = std::max(peak_, status_bytes("RssAnon"));
  }

  const int64_t start_;
  int64_t peak_ = 0;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

std::unique_ptr<EncoderModel> load_model(const char* model_dir, NumberType type) {
  const Checkpoint checkpoint = Checkpoint::open(model_dir);
  const WeightSource source = [&](const Weight& weight) -> const TensorView& { return checkpoint.tensor(weight); };
  return std::make_unique<EncoderModel>(checkpoint.network(), source,
                                        EncoderOptions{.threads = resolve_threads(0), .type = type});
}

/// The model folder that PACELINE_BENCH_MODEL names, from the page cache after the first time: opened, checked, packed
/// on all threads and ready to run. "with_file" counts the file's pages that are mapped besides. Memory is watched in
/// one more load, whose time does not count.
template <NumberType kType>
void load(benchmark::State& state) {
  const char* model_dir = std::getenv("PACELINE_BENCH_MODEL");
  if (model_dir == nullptr) {
    state.SkipWithError("PACELINE_BENCH_MODEL is to name a model folder");
    return;
  }
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM begins again from what is there now
  const int64_t before = status_bytes("VmRSS");
  AnonymousPeak memory;
  std::unique_ptr<EncoderModel> model = load_model(model_dir, kType);
  const auto peak = static_cast<double>(memory.stop());
  const auto kept = static_cast<double>(model->weight_bytes());
  state.counters["kept_MB"] = kept / 1e6;
  state.counters["peak_MB"] = peak / 1e6;
  state.counters["peak_share"] = peak / kept;
  state.counters["with_file_MB"] = static_cast<double>(status_bytes("VmHWM") - before) / 1e6;
  state.SetLabel(std::string(model->kernels().name));
  for (auto _ : state) {
    state.PauseTiming();
    model.reset();
    state.ResumeTiming();
    model = load_model(model_dir, kType);
  }
}
BENCHMARK_TEMPLATE(load, NumberType::kFp32)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(load, NumberType::kBf16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(load, NumberType::kInt8)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace paceline
