#include "targets/load_memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>

#include "base/cpu_topology.h"
#include "base/process_status.h"
#include "checkpoint/checkpoint.h"
#include "model/encoder_model.h"
#include "paceline/error.h"

namespace paceline {
namespace {

double measure_here(const std::filesystem::path& model_dir, NumberType type) {
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM begins again from what is there now
  const int64_t before = status_bytes("VmRSS");
  const Checkpoint checkpoint = Checkpoint::open(model_dir);
  const WeightSource source = [&](const Weight& weight) -> const TensorView& { return checkpoint.tensor(weight); };
  const EncoderModel model(checkpoint.network(), source, {.threads = resolve_threads(0), .type = type});
  return static_cast<double>(status_bytes("VmHWM") - before) / static_cast<double>(model.weight_bytes());
}

}  // namespace

double peak_memory_share(const std::filesystem::path& model_dir, NumberType type) {
  std::array<int, 2> ends{};
  const pid_t child = pipe(ends.data()) == 0 ? fork() : -1;
  if (child == 0) {
    double share = 0;
    try {
      share = measure_here(model_dir, type);
    } catch (const Error&) {
      _exit(1);
    }
    _exit(write(ends[1], &share, sizeof(share)) == sizeof(share) ? 0 : 1);
  }
  close(ends[1]);
  double share = 0;
  const bool told = child > 0 && read(ends[0], &share, sizeof(share)) == sizeof(share);
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  if (!told) throw Error(ErrorCode::kUnavailable, "[targets] a process that loads the checkpoint failed.");
  return share;
}

}  // namespace paceline
