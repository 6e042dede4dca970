#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "export/int8_weights.h"

namespace paceline {

/// Which ONNX graph is written.
enum class OnnxForm {
  kFast,      ///< padded; the operators that ONNX Runtime runs fastest; first-token last layer
  kUnpadded,  ///< the same with dense layers on real tokens only
  kPortable,  ///< what other runtimes read: decomposed where the opset lacks an operator
};

std::string_view onnx_form_name(OnnxForm form);
OnnxForm parse_onnx_form(std::string_view name);  ///< Throws Error{invalid_argument}.

struct OnnxExportOptions {
  OnnxForm form = OnnxForm::kFast;
  std::string compute_type = "fp32";  ///< or "int8": products of the blocks in 8 bits, quantised while they run
  Int8Weights int8_weights = int8_weights_of_this_cpu();
  int opset = 0;  ///< 0: 23 for kFast and kUnpadded, 17 for kPortable; kPortable takes 11 to 21
  std::string input_ids_name = "input_ids";
  std::string attention_mask_name = "attention_mask";
  std::string token_type_ids_name = "token_type_ids";  ///< only where the network reads token types
  std::string output_name = "logits";
  std::string input_dtype = "int64";                  ///< or "int32"
  int64_t external_data_above_bytes = 2'000'000'000;  ///< weights go to FILE.data from here on; ONNX ends at 2 GiB
};

/// Writes the checkpoint as an ONNX file, atomically; same checkpoint and options, same bytes.
/// Inputs [batch, sequence], padded on the right (kPortable: on either side); output [batch, outputs], fp32.
/// Throws Error{invalid_argument, unsupported, resource_exhausted}.
void export_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options, const std::filesystem::path& file);

/// The file of an export in `cache_dir`/onnx, written on first use, its weights always in FILE.data, which ONNX Runtime
/// maps. Named by the checkpoint's hash, the options and the exporter's version; remade where its size is not the one
/// recorded. Safe when several processes ask at once. Throws as export_onnx does.
std::filesystem::path cached_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options,
                                  const std::filesystem::path& cache_dir);

}  // namespace paceline
