#pragma once

#include <string>

#include "backend/backend_options.h"
#include "checkpoint/checkpoint.h"
#include "export/export_format.h"
#include "paceline/backend.h"
#include "paceline/error.h"

namespace paceline {

/// The one table that a plug-in exports, under the name kPluginTableSymbol. Host and plug-in are built in one tree: the
/// host compares plugin_build_id() of both before it calls anything else. No exception crosses: functions return false
/// and fill `error`.
struct PluginError {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

struct PluginTable {
  const char* build_id;  ///< plugin_build_id()
  const char* name;      ///< as the registry calls it: the file's name may be that of another
  /// Version of the engine, loading its library where need be.
  bool (*engine_version)(std::string* version, PluginError* error);
  bool (*create_backend)(const Checkpoint* checkpoint, const BackendOptions* options, Backend** backend,
                         PluginError* error);
  bool (*run)(Backend* backend, const PackedBatch* batch, float* logits, std::size_t logits_size, PluginError* error);
  void (*destroy)(Backend* backend);
  /// Writes the checkpoint as a file, atomically; null where the engine has no format of its own.
  bool (*export_to)(const Checkpoint* checkpoint, const ExportRequest* request, PluginError* error);
  /// remove_own_temporary_paths() of the plug-in's copy of base/: async-signal-safe.
  void (*remove_temporary_paths)();
};

inline constexpr const char* kPluginTableSymbol = "paceline_plugin_table";

}  // namespace paceline
