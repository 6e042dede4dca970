#include "backend/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "backend/native/native_backend.h"
#include "backend/plugin_loader.h"
#include "base/cpu_topology.h"
#include "base/device.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "words/suggest.h"

namespace paceline {
namespace {

const BackendEntry& reference_entry() {
  static const BackendEntry entry{.name = kReferenceBackendName,
                                  .compute_types = {"fp32"},
                                  .summary = "scalar code in double precision; checks native",
                                  .create = create_reference_backend};
  return entry;
}

}  // namespace

const std::vector<BackendEntry>& known_backends() {
  static const std::vector<BackendEntry> entries = registry_rows();
  return entries;
}

const BackendEntry& find_backend(std::string_view name) {
  if (name == kReferenceBackendName) return reference_entry();
  std::vector<std::string> names;
  for (const BackendEntry& entry : known_backends()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[backend] \"{}\" is no backend. {}", excerpt(name), suggestion(name, names)));
}

BackendStatus backend_status(const BackendEntry& entry) try {
  if (entry.create != nullptr) return {.available = true, .version = std::string(version()), .reason = ""};
  const PluginTable& table = load_plugin(entry.plugin);
  return {.available = true, .version = plugin_engine_version(table), .reason = ""};
} catch (const Error& error) {
  return {.available = false, .version = "", .reason = error.what()};
}

void check_compute_type(const BackendOptions& options) {
  const BackendEntry& entry = find_backend(options.name);
  const bool on_cpu = !parse_device(options.device).cuda;
  if (!on_cpu && entry.device_compute_types.empty()) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("[backend {}] Device {} was given, and it runs on cpu only.", entry.name, options.device));
  }
  const std::vector<std::string>& types = on_cpu ? entry.compute_types : entry.device_compute_types;
  const bool as_exported = !options.file.empty() && options.compute_type == kExportedType;
  if (!as_exported && std::find(types.begin(), types.end(), options.compute_type) == types.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[backend {}] Compute type \"{}\" was given, expected {} on {}.", entry.name,
                            excerpt(options.compute_type), fmt::join(types, ", "), options.device));
  }
}

std::unique_ptr<Backend> create_backend(const Checkpoint& checkpoint, const BackendOptions& options) {
  check_compute_type(options);
  const BackendEntry& entry = find_backend(options.name);
  if (!options.file.empty() && !entry.files) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[backend {}] The file {} was given, and it runs no files.",
                                                         entry.name, options.file.string()));
  }
  if (entry.create != nullptr) return entry.create(checkpoint, options);
  const PluginTable& table = load_plugin(entry.plugin);
  check_engine_threads(entry.plugin, resolve_threads(options.threads));
  return create_plugin_backend(table, checkpoint, options);
}

void export_for(const BackendEntry& entry, const Checkpoint& checkpoint, const ExportRequest& request) {
  if (entry.format->write != nullptr) {
    entry.format->write(checkpoint, request);
  } else {
    export_with_plugin(load_plugin(entry.plugin), checkpoint, request);
  }
}

}  // namespace paceline
