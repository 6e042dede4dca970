#pragma once

#include <memory>

#include "backend/backend_options.h"
#include "checkpoint/checkpoint.h"
#include "paceline/backend.h"

namespace paceline {

/// Our own engine: packed sequences, the active ISA level's kernels, compute type fp32, bf16 or int8. The weights are
/// packed once, the checkpoint is not needed afterwards. Throws Error{unsupported} for another compute type or device,
/// invalid_argument for a PACELINE_FORCE_ISA that this machine lacks or a number of threads out of range.
std::unique_ptr<Backend> create_native_backend(const Checkpoint& checkpoint, const BackendOptions& options);

/// The scalar double reference as a backend, for gates: the oracle, thousands of times slower than any engine. Reads
/// the checkpoint whenever it runs: it must outlive the backend.
std::unique_ptr<Backend> create_reference_backend(const Checkpoint& checkpoint, const BackendOptions& options);

}  // namespace paceline
