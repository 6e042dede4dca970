#include <cstddef>
#include <cstdint>
#include <string_view>

#include "paceline/error.h"
#include "plan/plan.h"

/// Any text as plan.json is read or refused with an Error; what was read limits a batch.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const paceline::Plan plan = paceline::plan_from_json(text, "folder/plan.json");
    const paceline::BatchLimits& limits = plan.run.limits;
    if (limits.batch_size <= 0 && limits.max_batch_tokens <= 0) __builtin_trap();
  } catch (const paceline::Error&) {
    return 0;
  }
  return 0;
}
