// libpaceline_torch.so: the table that the host opens. Everything else in here stays hidden.

#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#include <memory>
#include <string>

#include "backend/plugin_guard.h"
#include "backend/torch/eager_backend.h"
#include "backend/torch/engine_call.h"
#include "backend/torch/torch_trainer.h"
#include "backend/torch/torchscript_backend.h"
#include "backend/torch/torchscript_export.h"
#include "base/plugin_build_id.h"
#include "base/temporary_path.h"

namespace paceline {
namespace {

bool engine_version(std::string* version, PluginError* error) {
  return guard_plugin_call(error, [&] {
    check_torch_version(aoti_torch_abi_version());
    *version = torch_version();
  });
}

bool create(const Checkpoint* checkpoint, const BackendOptions* options, Backend** backend, PluginError* error) {
  return guard_plugin_call(error, [&] {
    check_torch_version(aoti_torch_abi_version());
    std::unique_ptr<Backend> made;
    if (options->name == "torchscript") {
      made = std::make_unique<TorchscriptBackend>(*checkpoint, *options);
    } else {
      made = std::make_unique<EagerBackend>(*checkpoint, *options, options->name != "torch-eager-unpadded");
    }
    *backend = made.release();
  });
}

bool export_to(const Checkpoint* checkpoint, const ExportRequest* request, PluginError* error) {
  return guard_plugin_call(error, [&] {
    check_torch_version(aoti_torch_abi_version());
    export_torchscript(*checkpoint, {.how = request->setting("--how", "trace"),
                                     .compute_type = request->compute_type,
                                     .device = request->setting("--device", "cpu"),
                                     .file = request->file});
  });
}

bool create_trainer(const Checkpoint* checkpoint, const TrainerOptions* options, Trainer** trainer,
                    PluginError* error) {
  return guard_plugin_call(error, [&] {
    check_torch_version(aoti_torch_abi_version());
    *trainer = std::make_unique<TorchTrainer>(*checkpoint, *options).release();
  });
}

constexpr TrainerTable kTrainerTable = trainer_table(create_trainer);

}  // namespace
}  // namespace paceline

extern "C" PACELINE_EXPORT const paceline::PluginTable paceline_plugin_table{paceline::plugin_build_id(),
                                                                             "torch",
                                                                             paceline::engine_version,
                                                                             paceline::create,
                                                                             paceline::run_plugin_backend,
                                                                             paceline::destroy_plugin_backend,
                                                                             paceline::export_to,
                                                                             &paceline::kTrainerTable,
                                                                             paceline::remove_own_temporary_paths};
