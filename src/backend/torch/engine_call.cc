#include "backend/torch/engine_call.h"

#include <fmt/format.h>
#include <torch/version.h>

#include <charconv>

#include "base/system_failure.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::size_t kLongest = 300;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// TorchScript's interpreter reports many lines of source and ends with "RuntimeError: " and what the operator said.
std::string_view after_last_error_name(std::string_view what) {
  constexpr std::string_view kName = "Error: ";
  const std::size_t at = what.rfind(kName);
  return at == std::string_view::npos ? what : what.substr(at + kName.size());
}

/// What the CPU's allocator, which words its failure like a stack trace, could not give.
std::string missing_memory(std::string_view what) {
  constexpr std::string_view kWanted = "you tried to allocate ";
  const std::size_t at = what.find(kWanted);
  int64_t bytes = 0;
  if (at != std::string_view::npos) {
    const std::string_view number = what.substr(at + kWanted.size());
    std::from_chars(number.data(), number.data() + number.size(), bytes);
  }
  return bytes > 0 ? fmt::format("there is not enough memory for {} more", format_bytes(bytes))
                   : "there is not enough memory";
}

}  // namespace

std::string engine_message(std::string_view what) {
  if (contains(what, "TorchScript interpreter")) what = after_last_error_name(what);
  while (!what.empty() && (what.front() == '\n' || what.front() == ' ')) what.remove_prefix(1);
  std::string line = excerpt(what.substr(0, what.find('\n')), kLongest);
  while (!line.empty() && (line.back() == '.' || line.back() == ' ' || line.back() == ':')) line.pop_back();
  return line.empty() ? "it gave no reason" : line;
}

std::string_view torch_version() {
  static const std::string version =
      fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
  return version;
}

void check_torch_version(uint64_t loaded) {
  const auto byte = [loaded](int place) { return static_cast<int>((loaded >> (8 * place)) & 0xFF); };
  const int major = byte(7);
  const int minor = byte(6);
  if (major == TORCH_VERSION_MAJOR && minor == TORCH_VERSION_MINOR) return;
  throw Error(
      ErrorCode::kUnavailable,
      fmt::format("[backend torch] PyTorch {}.{}.{} was loaded, {}.{} was expected. Name the folder torch of such a "
                  "PyTorch with PACELINE_TORCH_ROOT.",
                  major, minor, byte(5), TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR));
}

void throw_engine_error(const EngineCall& call, std::string_view what, bool out_of_memory) {
  // The CPU's allocator has no exception of its own.
  const bool exhausted = out_of_memory || tells_of_exhaustion(what);
  const bool of_cpu = contains(what, "DefaultCPUAllocator") || contains(what, "bad_alloc");
  throw Error(
      exhausted ? ErrorCode::kResourceExhausted : call.code,
      fmt::format("[torch {}] {} failed: {}. {}", torch_version(), call.doing,
                  of_cpu ? missing_memory(what) : engine_message(what), exhausted ? call.memory_hint : call.hint));
}

}  // namespace paceline
