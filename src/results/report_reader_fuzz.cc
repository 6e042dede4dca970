#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "paceline/error.h"
#include "results/report_json.h"
#include "results/report_reader.h"

namespace {

std::optional<std::string> read_and_write(std::string_view text) {
  try {
    return paceline::report_json(paceline::report_from_json(text, "fuzz"));
  } catch (const paceline::Error&) {
    return std::nullopt;
  }
}

}  // namespace

/// Any text as report.json is read or refused with an Error, and what was read is written so that it reads alike.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const auto written = read_and_write({reinterpret_cast<const char*>(data), size});
  if (written && read_and_write(*written) != written) std::abort();
  return 0;
}
