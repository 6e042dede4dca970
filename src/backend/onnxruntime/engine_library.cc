#include "backend/onnxruntime/engine_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "backend/onnxruntime/api.h"
#include "base/system_failure.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr const char* kLibraryName = "libonnxruntime.so";
#ifdef PACELINE_ONNXRUNTIME_LIBRARY_DIR
constexpr const char* kInstall = "Run ./dev setup, or name your own with PACELINE_ONNXRUNTIME_ROOT.";
#else
constexpr const char* kInstall =
    "Install Paceline's package again, or name your own with PACELINE_ONNXRUNTIME_ROOT. ONNX Runtime needs the "
    "system's "
    "libstdc++.so.6.";
#endif

[[noreturn]] void throw_unavailable(const std::string& what, const std::string& hint) {
  throw Error(ErrorCode::kUnavailable, fmt::format("[onnxruntime] {}. {}", what, hint));
}

// The folder of the shared library that holds this function.
std::filesystem::path plugin_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&plugin_folder), &info) == 0) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

std::filesystem::path find_library() {
  const char* root = std::getenv("PACELINE_ONNXRUNTIME_ROOT");
  const bool chosen = root != nullptr && *root != '\0';
  std::vector<std::filesystem::path> folders;
  if (chosen) {
    folders = {std::filesystem::path(root) / "lib"};
  } else {
    folders = {plugin_folder()};
#ifdef PACELINE_ONNXRUNTIME_LIBRARY_DIR
    folders.emplace_back(PACELINE_ONNXRUNTIME_LIBRARY_DIR);
#endif
  }
  std::vector<std::string> searched;
  for (const std::filesystem::path& folder : folders) {
    std::error_code error;
    if (std::filesystem::exists(folder / kLibraryName, error)) return folder / kLibraryName;
    searched.push_back(folder.string());
  }
  throw_unavailable(fmt::format("{} is not in {}", kLibraryName, fmt::join(searched, " or ")),
                    chosen ? "PACELINE_ONNXRUNTIME_ROOT must name a folder with lib/ and include/." : kInstall);
}

std::string load() {
  const std::filesystem::path file = find_library();
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string reason = ::dlerror();
    const std::string what = fmt::format("{} cannot be loaded: {}", file.string(), reason);
    if (!tells_of_exhaustion(reason)) throw_unavailable(what, kInstall);
    throw Error(
        ErrorCode::kResourceExhausted,
        fmt::format("[onnxruntime] {}. Raise the limits on memory and open files (ulimit -v, ulimit -n).", what));
  }
  using GetBase = const OrtApiBase* (*)();
  const auto get_base = reinterpret_cast<GetBase>(::dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) {
    throw_unavailable(fmt::format("{} is not ONNX Runtime: it has no OrtGetApiBase", file.string()), kInstall);
  }
  const std::string version = get_base()->GetVersionString();
  // A newer library serves an older header; an older one has no table of this version.
  const OrtApi* api = get_base()->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    throw_unavailable(fmt::format("{} is version {}, 1.{} or newer is needed", file.string(), version, ORT_API_VERSION),
                      kInstall);
  }
  Ort::InitApi(api);
  return version;
}

}  // namespace

const std::string& load_engine_library() {
  static const std::string version = load();
  return version;
}

}  // namespace paceline
