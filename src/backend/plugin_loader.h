#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backend/plugin.h"

namespace paceline {

/// What the host has to know of a plug-in before it opens it.
struct PluginEntry {
  std::string name{};     ///< "torch": it is libpaceline_torch.so
  std::string install{};  ///< the command that installs it, for people: "Run ..."
  /// What opening it maps, its engine's libraries with it, in MB: measured, rounded down. Their start-up code aborts
  /// where the address space ends.
  int64_t megabytes = 0;
  std::string root_variable{};  ///< of the environment: names the user's own engine; empty: the plug-in opens it
  std::vector<std::string> libraries{};  ///< in that engine's folder lib, those first that others need
  int thread_pools = 1;                  ///< of the engine, each with as many threads as compute
  bool trains = false;                   ///< the engine can train
};

/// Where plug-ins are looked for, in this order: $PACELINE_PLUGIN_DIR alone where it is set; else, in a program that
/// uses libpaceline.so, paceline/ beside that library and its own folder; then the executable's folder and
/// ../lib/paceline from there.
std::vector<std::filesystem::path> plugin_folders();

/// Opens the plug-in, once per file, and gives its table; it stays open until the process ends.
/// Throws Error{unavailable}: not there (the message ends with the command that installs it), not loadable, no table,
/// or built in another tree.
const PluginTable& load_plugin(const PluginEntry& plugin);

/// Refuses more threads than can be started: an engine aborts or hangs where one cannot. Counts those of Paceline's own
/// pool, for tokenizing, reading and writing. Throws Error{resource_exhausted}.
void check_engine_threads(const PluginEntry& plugin, int threads);

/// A backend of the plug-in, whose errors come back as Error.
std::unique_ptr<Backend> create_plugin_backend(const PluginTable& table, const Checkpoint& checkpoint,
                                               const BackendOptions& options);

/// A trainer of the plug-in, whose errors come back as Error.
std::unique_ptr<Trainer> create_plugin_trainer(const TrainerTable& table, const Checkpoint& checkpoint,
                                               const TrainerOptions& options);

/// Writes a file of the engine's own format. Throws Error; unsupported where the engine has none.
void export_with_plugin(const PluginTable& table, const Checkpoint& checkpoint, const ExportRequest& request);

/// The engine's version, loading its library where need be. Throws Error{unavailable}.
std::string plugin_engine_version(const PluginTable& table);

}  // namespace paceline
