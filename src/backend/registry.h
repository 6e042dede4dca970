#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend_options.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"

namespace paceline {

/// One row of the table backend x compute type: the source for doctor, help texts and the documents.
struct BackendEntry {
  std::string name;                               ///< "onnxruntime-unpadded"
  std::string plugin;                             ///< "onnxruntime"; empty: linked in
  std::vector<std::string> compute_types;         ///< on the CPU: {"fp32"}
  std::vector<std::string> device_compute_types;  ///< on an accelerator; empty: it has no use for one
  bool padded = false;
  std::string summary;    ///< one line for people
  std::string install;    ///< the command that installs it; empty for native
  std::string file_flag;  ///< bench's flag for the user's own files that it runs: "--onnx"; empty: it runs none
};

/// Every backend that Paceline knows, installed or not, in the order of preference.
const std::vector<BackendEntry>& known_backends();

/// The scalar double reference: what gates trust. Never listed, as it is thousands of times slower than any engine, but
/// find_backend and create_backend know it by this name.
inline constexpr const char* kReferenceBackendName = "reference";

/// Throws Error{invalid_argument} with the nearest known name.
const BackendEntry& find_backend(std::string_view name);

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

}  // namespace paceline
