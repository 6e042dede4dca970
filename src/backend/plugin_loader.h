#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backend/plugin.h"

namespace paceline {

/// Where plug-ins are looked for, in this order: $PACELINE_PLUGIN_DIR alone where it is set; else, in a program that
/// uses libpaceline.so, paceline/ beside that library and its own folder; then the executable's folder and
/// ../lib/paceline from there.
std::vector<std::filesystem::path> plugin_folders();

/// Opens libpaceline_PLUGIN.so, once per file, and gives its table; it stays open until the process ends.
/// Throws Error{unavailable}: not there (the message ends with `install`, the command that mends it), not loadable, no
/// table, or built in another tree.
const PluginTable& load_plugin(const std::string& plugin, const std::string& install);

/// A backend of the plug-in, whose errors come back as Error.
std::unique_ptr<Backend> create_plugin_backend(const PluginTable& table, const Checkpoint& checkpoint,
                                               const BackendOptions& options);

/// Writes a file of the engine's own format. Throws Error; unsupported where the engine has none.
void export_with_plugin(const PluginTable& table, const Checkpoint& checkpoint, const PluginExportOptions& options);

/// The engine's version, loading its library where need be. Throws Error{unavailable}.
std::string plugin_engine_version(const PluginTable& table);

}  // namespace paceline
