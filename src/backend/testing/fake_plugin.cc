// A plug-in for the loader's tests: its logits are the sequences' lengths. FAKE_BUILD_ID and
// FAKE_NAME are what it claims to be.

#include <algorithm>
#include <stdexcept>

#include "backend/plugin_guard.h"
#include "base/plugin_build_id.h"
#include "base/temporary_path.h"

namespace paceline {
namespace {

class FakeBackend : public Backend {
 public:
  const BackendInfo& info() const override { return info_; }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    if (logits.size() != static_cast<std::size_t>(batch.sequences())) {
      throw Error(ErrorCode::kInvalidArgument, "[fake] The logits have another size than the batch.");
    }
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      logits[static_cast<std::size_t>(i)] = static_cast<float>(batch.length(i));
    }
  }

 private:
  BackendInfo info_{.name = "fake",
                    .version = "7.0",
                    .device = "cpu",
                    .dtype = "fp32",
                    .compute_type = "fp32",
                    .settings = "none",
                    .padded = false,
                    .threads = 1,
                    .outputs = 1};
};

bool engine_version(std::string* version, PluginError* error) {
  return guard_plugin_call(error, [&] { *version = "7.0"; });
}

bool create(const Checkpoint*, const BackendOptions* options, Backend** backend, PluginError* error) {
  return guard_plugin_call(error, [&] {
    if (options->compute_type == "none") throw Error(ErrorCode::kUnsupported, "[fake] It computes nothing.");
    if (options->compute_type == "broken") throw std::runtime_error("the engine broke");
    if (options->compute_type == "strange") throw 7;
    *backend = new FakeBackend;
  });
}

}  // namespace
}  // namespace paceline

extern "C" PACELINE_EXPORT const paceline::PluginTable paceline_plugin_table{FAKE_BUILD_ID,
                                                                             FAKE_NAME,
                                                                             paceline::engine_version,
                                                                             paceline::create,
                                                                             paceline::run_plugin_backend,
                                                                             paceline::destroy_plugin_backend,
                                                                             nullptr,
                                                                             nullptr,
                                                                             paceline::remove_own_temporary_paths};
