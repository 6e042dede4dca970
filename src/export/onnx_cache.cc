#include <fmt/format.h>

#include "base/hash.h"
#include "export/export_cache.h"
#include "export/network_to_onnx.h"
#include "export/onnx_export.h"
#include "export/onnx_model.h"

namespace paceline {
namespace {

// Part of a cached file's name. Raised whenever the same checkpoint and options give another graph.
constexpr int kExporterVersion = 7;

// From this many bytes of weights on they stand in a file that ONNX Runtime maps instead of parsing.
constexpr int64_t kCachedExternalBytes = 1 << 20;

// Everything that changes the bytes, in one name.
std::string cache_name(const std::string& checkpoint_hash, const OnnxExportOptions& options) {
  Hasher hasher;
  for (const std::string* name : {&options.input_ids_name, &options.attention_mask_name, &options.token_type_ids_name,
                                  &options.output_name, &options.input_dtype}) {
    hasher.update(*name);
    hasher.update(std::string_view("\0", 1));
  }
  const bool is_int8 = options.compute_type == "int8";
  return fmt::format("{}-{}-{}-opset{}-v{}-{}.onnx", checkpoint_hash, onnx_form_name(options.form),
                     is_int8 ? fmt::format("int8-{}", int8_weights_name(options.int8_weights)) : options.compute_type,
                     resolve_opset(options), kExporterVersion, hasher.hex().substr(0, 8));
}

}  // namespace

std::filesystem::path cached_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options,
                                  const std::filesystem::path& cache_dir) {
  const std::string hash = checkpoint.hash(cache_dir);
  const std::filesystem::path file = cache_dir / "onnx" / cache_name(hash, options);
  return cached_export(file, [&](const std::filesystem::path& staged) {
    write_onnx_model(network_to_onnx(checkpoint, options, hash), staged, kCachedExternalBytes);
  });
}

}  // namespace paceline
