#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

/// The files in which an ONNX file keeps values of its tensors, relative to its own folder: each once, sorted. `where`
/// opens the error message. Throws Error{corrupt_data} for what is no ONNX file.
std::vector<std::string> onnx_external_files(std::span<const std::byte> model, std::string_view where);

}  // namespace paceline
