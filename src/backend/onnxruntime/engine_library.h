#pragma once

#include <string>

namespace paceline {

/// Opens ONNX Runtime's shared library and hands its functions to the C++ API; once per process, later calls return at
/// once. Looked for in $PACELINE_ONNXRUNTIME_ROOT/lib alone where that is set; else beside this plug-in, then where
/// ./dev setup put it. Returns its version, "1.30.0". Throws Error{unavailable}: missing, not loadable or too old.
const std::string& load_engine_library();

}  // namespace paceline
