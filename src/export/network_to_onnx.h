#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "export/onnx_export.h"
#include "export/onnx_model.h"

namespace paceline {

/// Walks the checkpoint's network once and gives its graph in the form asked for. `hash` names the checkpoint in the
/// file's metadata. The model refers to the checkpoint's mapped weights: it must not outlive it.
/// Throws Error{invalid_argument}.
OnnxModel network_to_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options, const std::string& hash);

/// The opset that is written: the options' own, or the form's default. Throws Error{invalid_argument}.
int resolve_opset(const OnnxExportOptions& options);

}  // namespace paceline
