#pragma once

#include "export/export_format.h"

namespace paceline {

/// ONNX as `paceline export` writes it: its flags, and what writes it. No engine is needed.
ExportFormat onnx_format();

}  // namespace paceline
