#include "backend/trainer.h"

#include <algorithm>

#include "backend/registry.h"
#include "base/cpu_topology.h"
#include "paceline/error.h"

namespace paceline {
namespace {

const PluginEntry& training_plugin() {
  const std::vector<BackendEntry>& entries = known_backends();
  const auto found =
      std::find_if(entries.begin(), entries.end(), [](const BackendEntry& entry) { return entry.plugin.trains; });
  if (found == entries.end()) throw Error(ErrorCode::kInternal, "[trainer] No engine in the registry can train.");
  return found->plugin;
}

const PluginTable& load_trainer() {
  const PluginEntry& plugin = training_plugin();
  const PluginTable& table = load_plugin(plugin);
  if (table.trainer != nullptr) return table;
  throw Error(ErrorCode::kInternal, "[trainer] The plug-in " + plugin.name + " has no trainer.");
}

}  // namespace

Trainer::~Trainer() = default;

std::string check_trainer() { return training_plugin().name + " " + plugin_engine_version(load_trainer()); }

std::unique_ptr<Trainer> create_trainer(const Checkpoint& checkpoint, const TrainerOptions& options) {
  const TrainerTable& table = *load_trainer().trainer;
  TrainerOptions resolved = options;
  resolved.threads = resolve_threads(options.threads);
  check_engine_threads(training_plugin(), resolved.threads);
  return create_plugin_trainer(table, checkpoint, resolved);
}

}  // namespace paceline
