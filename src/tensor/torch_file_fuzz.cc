#include <cstddef>
#include <cstdint>
#include <span>

#include "paceline/error.h"
#include "tensor/pickle_reader.h"
#include "tensor/torch_file.h"

namespace {

void read_to_the_end(std::span<const std::byte> file) {
  unsigned sum = 0;
  for (const paceline::NamedTensor& named : paceline::parse_torch_file(file, "fuzz").tensors) {
    for (const std::byte byte : named.tensor.bytes) {
      sum += static_cast<unsigned>(byte);
    }
  }
  volatile unsigned read = sum;
  static_cast<void>(read);
}

}  // namespace

/// Any bytes as a file of torch.save, and as a pickle alone, are read or refused with an Error; each tensor that comes
/// out can be read to its end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  try {
    read_to_the_end(file);
  } catch (const paceline::Error&) {
  }
  try {
    static_cast<void>(paceline::read_pickle(file, "fuzz"));
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
