// libpaceline_test_engine.so: an engine of a few lines, as small as one can be. It computes what native computes; a
// user's own file may ask for the negative.

#include <memory>
#include <string>

#include "backend/native/native_backend.h"
#include "backend/plugin_guard.h"
#include "base/file.h"
#include "base/plugin_build_id.h"
#include "base/temporary_path.h"

namespace paceline {
namespace {

constexpr std::size_t kLargestFile = 100;

class TestEngine : public Backend {
 public:
  TestEngine(const Checkpoint& checkpoint, const BackendOptions& options)
      : native_(create_native_backend(checkpoint, {.threads = options.threads, .cache_dir = options.cache_dir})),
        info_(native_->info()) {
    info_.name = options.name;
    info_.version = "1.0";
    negated_ = !options.file.empty() && read_file(options.file, kLargestFile) == "negated\n";
  }

  const BackendInfo& info() const override { return info_; }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    native_->run(batch, logits);
    for (float& logit : logits) logit = negated_ ? -logit : logit;
  }

 private:
  std::unique_ptr<Backend> native_;
  BackendInfo info_;
  bool negated_ = false;
};

bool engine_version(std::string* version, PluginError* error) {
  return guard_plugin_call(error, [&] { *version = "1.0"; });
}

bool create(const Checkpoint* checkpoint, const BackendOptions* options, Backend** backend, PluginError* error) {
  return guard_plugin_call(error, [&] { *backend = new TestEngine(*checkpoint, *options); });
}

bool export_to(const Checkpoint*, const ExportRequest* request, PluginError* error) {
  return guard_plugin_call(
      error, [&] { write_file_atomically(request->file, request->setting("--sign", "as-native") + "\n"); });
}

}  // namespace
}  // namespace paceline

extern "C" PACELINE_EXPORT const paceline::PluginTable paceline_plugin_table{paceline::plugin_build_id(),
                                                                             "test_engine",
                                                                             paceline::engine_version,
                                                                             paceline::create,
                                                                             paceline::run_plugin_backend,
                                                                             paceline::destroy_plugin_backend,
                                                                             paceline::export_to,
                                                                             nullptr,
                                                                             paceline::remove_own_temporary_paths};
