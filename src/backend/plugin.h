#pragma once

#include <span>
#include <string>
#include <vector>

#include "backend/backend_options.h"
#include "backend/trainer.h"
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

/// What an engine that can train has besides: a Trainer's functions.
struct TrainerTable {
  bool (*create)(const Checkpoint* checkpoint, const TrainerOptions* options, Trainer** trainer, PluginError* error);
  bool (*accumulate)(Trainer* trainer, const TrainingBatch* batch, double scale, double* loss, PluginError* error);
  bool (*update)(Trainer* trainer, double learning_rate, double max_gradient_norm, double* norm, PluginError* error);
  bool (*run)(Trainer* trainer, const PackedBatch* batch, float* logits, std::size_t logits_size, PluginError* error);
  bool (*weights)(const Trainer* trainer, std::vector<NamedTensor>* weights, PluginError* error);
  bool (*state)(const Trainer* trainer, std::vector<NamedTensor>* state, PluginError* error);
  bool (*restore)(Trainer* trainer, const std::span<const NamedTensor>* weights,
                  const std::span<const NamedTensor>* state, int64_t updates, PluginError* error);
  void (*destroy)(Trainer* trainer);
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
  const TrainerTable* trainer;  ///< null where the engine cannot train
  /// remove_own_temporary_paths() of the plug-in's copy of base/: async-signal-safe.
  void (*remove_temporary_paths)();
};

inline constexpr const char* kPluginTableSymbol = "paceline_plugin_table";

}  // namespace paceline
