#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend_options.h"
#include "backend/plugin_loader.h"
#include "checkpoint/checkpoint.h"
#include "export/export_format.h"
#include "paceline/backend.h"

namespace paceline {

/// Why the gate may trust a backend's fp32 answers, and compare all others with them.
enum class OracleRole {
  kNone,
  kProven,    ///< the scalar reference has proven it for this checkpoint
  kOriginal,  ///< it runs the operators that the model was trained with
};

/// Files of the user's own that a backend runs.
struct UserFileKind {
  std::string flag;  ///< of bench and verify: "--onnx"
  /// Other files that belong to one, relative to its folder; null: none do. `where` opens the error message.
  std::vector<std::string> (*companions)(std::span<const std::byte> file, std::string_view where) = nullptr;
};

inline constexpr int kNoBaseline = 100;

/// One row of the table of backends: everything that Paceline knows of one. No other file names a backend.
struct BackendEntry {
  std::string name;                                 ///< "onnxruntime-unpadded"
  PluginEntry plugin{};                             ///< without a name: linked in
  std::vector<std::string> compute_types;           ///< on the CPU: {"fp32"}; machine/compute_type.cc knows each
  std::vector<std::string> device_compute_types{};  ///< on an accelerator; empty: it has no use for one
  bool padded = false;
  std::string summary;  ///< one line for people
  OracleRole oracle = OracleRole::kNone;
  int baseline_rank = kNoBaseline;       ///< the lowest of a run is what its speeds are compared with
  std::optional<UserFileKind> files{};   ///< none: it runs no files
  std::optional<ExportFormat> format{};  ///< what `paceline export` writes for it
  /// Creates one that is linked in; null where a plug-in does. Throws Error.
  std::unique_ptr<Backend> (*create)(const Checkpoint& checkpoint, const BackendOptions& options) = nullptr;
};

/// The rows, in the order of preference: what registry_rows.cc says. known_backends() is what others ask.
std::vector<BackendEntry> registry_rows();

/// Every backend that Paceline knows, installed or not, in the order of preference.
const std::vector<BackendEntry>& known_backends();

/// The scalar double reference: what gates trust. Never listed, as it is thousands of times slower than any engine, but
/// find_backend and create_backend know it by this name.
inline constexpr const char* kReferenceBackendName = "reference";

/// Throws Error{invalid_argument} with the nearest known name.
const BackendEntry& find_backend(std::string_view name);

/// Whether the backend has the compute type where it is to run, whether it is installed or not.
/// Throws Error{invalid_argument, unavailable} for a backend, a device or a type that is not known there.
void check_compute_type(const BackendOptions& options);

/// Whether a backend can be created here, and in what version; else why not, with the command that mends it.
struct BackendStatus {
  bool available = false;
  std::string version;
  std::string reason;
};
BackendStatus backend_status(const BackendEntry& entry);

/// Loads the engine and the checkpoint into it. Throws Error{invalid_argument, unavailable, unsupported, ...}.
/// The checkpoint must outlive the backend.
std::unique_ptr<Backend> create_backend(const Checkpoint& checkpoint, const BackendOptions& options);

/// Writes the checkpoint in the format of `entry`, which has one. Throws Error{unavailable} where that needs an engine
/// that is missing, invalid_argument, unsupported, resource_exhausted.
void export_for(const BackendEntry& entry, const Checkpoint& checkpoint, const ExportRequest& request);

}  // namespace paceline
