#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "checkpoint/adapter_config.h"
#include "paceline/error.h"

/// Any text as adapter_config.json is read or refused with an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const paceline::Json json = paceline::parse_json(text, "adapter_config.json");
    const paceline::AdapterConfig config = paceline::parse_adapter_config(json, "adapter_config.json");
    // All that joining an adapter to its base asks.
    for (const std::string_view module : {"bert.encoder.layer.0.attention.self.query", "bert.pooler.dense", "score"}) {
      static_cast<void>(config.scaling_of(module));
      static_cast<void>(config.target_of(module));
      static_cast<void>(config.replaced_by(module));
    }
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
