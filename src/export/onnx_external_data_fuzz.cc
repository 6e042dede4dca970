#include "export/onnx_external_data.h"

#include <cstdint>

#include "paceline/error.h"

/// Any bytes as an ONNX file are read or refused with an Error; a name that comes out stands in them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  try {
    for (const std::string& name : paceline::onnx_external_files(std::as_bytes(std::span(data, size)), "fuzz")) {
      if (name.empty() || all.find(name) == std::string_view::npos) __builtin_trap();
    }
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
