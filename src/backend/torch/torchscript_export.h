#pragma once

#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"

namespace paceline {

struct TorchscriptExportOptions {
  std::string how = "trace";          ///< "trace" or "script"
  std::string compute_type = "fp32";  ///< of the file's weights
  std::string device = "cpu";
  std::filesystem::path file;
};

/// Writes the checkpoint as a TorchScript file, atomically, after checking it against eager PyTorch.
///
///   trace   forward(input_ids, attention_mask[, token_type_ids]), recorded
///   script  the same with both masks optional, from source
///
/// Inputs [B, S], padded; logits [B, outputs], fp32. The weights are of the compute type (fp32, fp16, bf16), under the
/// checkpoint's names. Throws Error{invalid_argument, unsupported, unavailable, resource_exhausted, internal}.
void export_torchscript(const Checkpoint& checkpoint, const TorchscriptExportOptions& options);

/// Such a file, traced, in `cache_dir`/torchscript: written on first use; safe when several processes ask at once.
std::filesystem::path cached_torchscript(const Checkpoint& checkpoint, const std::string& compute_type,
                                         const std::string& device, const std::filesystem::path& cache_dir);

}  // namespace paceline
