#include "kernels/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kernels/reference/reference_kernels.h"
#include "kernels/x86/target.h"
#include "paceline/error.h"

namespace paceline {
namespace {

std::vector<const Kernels*> collect() {
  std::vector<const Kernels*> levels{avx512_bf16_kernels(), avx512_vnni_kernels(), avx512_kernels(),
                                     avx2_vnni_kernels(),   avx2_kernels(),        &reference_kernels()};
  std::erase(levels, nullptr);
  return levels;
}

std::string supported_names() {
  std::string names;
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->supported()) names += fmt::format("{}{}", names.empty() ? "" : ", ", kernels->name);
  }
  return names;
}

}  // namespace

const std::vector<const Kernels*>& all_kernels() {
  static const std::vector<const Kernels*> levels = collect();
  return levels;
}

const Kernels& find_kernels(std::string_view name) {
  const Kernels* known = nullptr;
  for (const Kernels* kernels : all_kernels()) {
    if (name.empty() ? kernels->supported() : kernels->name == name) {
      known = kernels;
      break;
    }
  }
  if (known != nullptr && known->supported()) return *known;
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[kernels] PACELINE_FORCE_ISA={} was given, {}. This machine has: {}.", name.substr(0, 40),
                  known == nullptr ? "which is no ISA level of Paceline" : "which this CPU lacks", supported_names()));
}

const Kernels& active_kernels() {
  const char* forced = std::getenv("PACELINE_FORCE_ISA");
  return find_kernels(forced == nullptr ? "" : forced);
}

}  // namespace paceline
