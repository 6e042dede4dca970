#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "export/network_to_onnx.h"
#include "export/onnx_export.h"
#include "export/onnx_model.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// Part of a cached file's name. Raised whenever the same checkpoint and options give another graph.
constexpr int kExporterVersion = 2;

// From this many bytes of weights on they stand in a file that ONNX Runtime maps instead of parsing.
constexpr int64_t kCachedExternalBytes = 1 << 20;

// Held while a cached export is made, so that of several processes one writes and the others wait.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    int result = descriptor_ < 0 ? -1 : 0;
    while (result == 0 && ::flock(descriptor_, LOCK_EX) != 0) result = errno == EINTR ? 0 : -1;
    if (result == 0) return;
    const int reason = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Error(ErrorCode::kNotFound,
                fmt::format("[cache] {} cannot be locked: {}. Name a folder that can be written with --cache-dir.",
                            path.string(), std::strerror(reason)));
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { ::close(descriptor_); }

 private:
  int descriptor_;
};

// Everything that changes the bytes, in one name.
std::string cache_name(const std::string& checkpoint_hash, const OnnxExportOptions& options) {
  Hasher hasher;
  for (const std::string* name : {&options.input_ids_name, &options.attention_mask_name, &options.token_type_ids_name,
                                  &options.output_name, &options.input_dtype}) {
    hasher.update(*name);
    hasher.update(std::string_view("\0", 1));
  }
  return fmt::format("{}-{}-opset{}-v{}-{}.onnx", checkpoint_hash, onnx_form_name(options.form), resolve_opset(options),
                     kExporterVersion, hasher.hex().substr(0, 8));
}

// 0 where the file is missing.
uint64_t size_or_zero(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// Beside the export: the sizes it had when it was complete. Written last, so a file without it is not trusted.
std::filesystem::path sizes_file(const std::filesystem::path& file) {
  std::filesystem::path path = file;
  path += ".sizes.json";
  return path;
}

bool is_complete(const std::filesystem::path& file) try {
  const std::filesystem::path record = sizes_file(file);
  if (!std::filesystem::exists(record)) return false;
  const Json sizes = read_json_file(record);
  return sizes.value("model", uint64_t{0}) == size_or_zero(file) && size_or_zero(file) > 0 &&
         sizes.value("data", uint64_t{0}) == size_or_zero(onnx_data_file(file));
} catch (const std::exception&) {
  return false;  // an unreadable record is remade with its export
}

void create_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[cache] {} cannot be created: {}. Name a folder that can be written with --cache-dir.",
                            folder.string(), error.message()));
  }
}

}  // namespace

std::filesystem::path cached_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options,
                                  const std::filesystem::path& cache_dir) {
  const std::string hash = checkpoint.hash(cache_dir);
  const std::filesystem::path folder = cache_dir / "onnx";
  const std::filesystem::path file = folder / cache_name(hash, options);
  if (is_complete(file)) return file;

  create_folder(folder);
  std::filesystem::path lock = file;
  lock += ".lock";
  const FileLock held(lock);
  if (is_complete(file)) return file;
  std::error_code ignored;  // what cannot be removed cannot be written either, and that is said below
  std::filesystem::remove(sizes_file(file), ignored);
  const OnnxModel model = network_to_onnx(checkpoint, options, hash);
  const OnnxFileSizes sizes = write_onnx_model(model, file, kCachedExternalBytes);
  if (sizes.data == 0) std::filesystem::remove(onnx_data_file(file), ignored);
  write_file_atomically(sizes_file(file), Json{{"model", sizes.model}, {"data", sizes.data}}.dump());
  return file;
}

}  // namespace paceline
