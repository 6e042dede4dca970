#include <cstddef>
#include <cstdint>
#include <span>

#include "paceline/error.h"
#include "tensor/safetensors.h"

/// A safetensors file of any bytes is read or refused with an Error; each tensor it gives out can be read to its end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    unsigned sum = 0;
    for (const paceline::NamedTensor& named :
         paceline::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz")) {
      for (const std::byte byte : named.tensor.bytes) {
        sum += static_cast<unsigned>(byte);
      }
    }
    volatile unsigned read = sum;
    static_cast<void>(read);
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
