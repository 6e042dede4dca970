#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "checkpoint/model_config.h"
#include "network/architecture.h"
#include "network/network.h"
#include "paceline/error.h"

/// Any text as config.json (and as tokenizer_config.json) is read or refused with an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const paceline::Json json = paceline::parse_json(text, "config.json");
    static_cast<void>(paceline::limit_length(json, 512, "tokenizer_config.json"));
    const paceline::ModelConfig config = paceline::read_model_config(json, {}, "config.json");
    static_cast<void>(paceline::config_notices(json, config.network, "config.json"));
    static_cast<void>(paceline::parameter_count(config.network));
    static_cast<void>(paceline::forward_flops(config.network, config.network.max_tokens));
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
