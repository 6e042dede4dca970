#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "paceline/error.h"
#include "report/report_json.h"
#include "report/report_reader.h"

/// Any text as report.json is read or refused with an Error, and what was read is written so that it reads alike.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string written = paceline::report_json(paceline::report_from_json(text, "fuzz"));
    if (paceline::report_json(paceline::report_from_json(written, "fuzz, again")) != written) std::abort();
  } catch (const paceline::Error& error) {
    if (std::string_view(error.what()).find("again") != std::string_view::npos) std::abort();
  }
  return 0;
}
