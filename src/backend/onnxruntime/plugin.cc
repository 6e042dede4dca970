// libpaceline_onnxruntime.so: the table that the host opens. Everything else in here stays hidden.

#include <memory>

#include "backend/onnxruntime/engine_library.h"
#include "backend/onnxruntime/onnxruntime_backend.h"
#include "backend/plugin_guard.h"
#include "base/plugin_build_id.h"
#include "base/temporary_path.h"

namespace paceline {
namespace {

bool engine_version(std::string* version, PluginError* error) {
  return guard_plugin_call(error, [&] { *version = load_engine_library(); });
}

bool create(const Checkpoint* checkpoint, const BackendOptions* options, Backend** backend, PluginError* error) {
  return guard_plugin_call(error, [&] {
    load_engine_library();
    *backend = std::make_unique<OnnxRuntimeBackend>(*checkpoint, *options).release();
  });
}

}  // namespace
}  // namespace paceline

extern "C" PACELINE_EXPORT const paceline::PluginTable paceline_plugin_table{paceline::plugin_build_id(),
                                                                             "onnxruntime",
                                                                             paceline::engine_version,
                                                                             paceline::create,
                                                                             paceline::run_plugin_backend,
                                                                             paceline::destroy_plugin_backend,
                                                                             nullptr,
                                                                             nullptr,
                                                                             paceline::remove_own_temporary_paths};
