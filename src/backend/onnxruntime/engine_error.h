#pragma once

#include <string_view>

#include "backend/onnxruntime/api.h"
#include "paceline/error.h"

namespace paceline {

/// Throws what the engine threw as an Error: resource_exhausted where memory was short, else `code` with `hint`.
/// `doing` says what failed: "loading /x/model.onnx". The engine's first line is quoted.
[[noreturn]] void throw_engine_error(const Ort::Exception& thrown, ErrorCode code, std::string_view doing,
                                     std::string_view hint);

/// The same for loading a file of the user's: not_found, corrupt_data or unsupported, as the engine's reason says.
[[noreturn]] void throw_user_file_error(const Ort::Exception& thrown, std::string_view file);

}  // namespace paceline
