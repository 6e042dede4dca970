#include "export/onnx_format.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "export/onnx_export.h"
#include "paceline/error.h"
#include "words/counted.h"
#include "words/split.h"

namespace paceline {
namespace {

constexpr int kLargestOpset = 1000;

/// The user's names take the places of the graph's inputs in their order.
void apply_input_names(const std::string& list, bool token_types, OnnxExportOptions& onnx) {
  if (list.empty()) return;
  const std::vector<std::string> names = split(list, ',');
  const std::size_t expected = token_types ? 3 : 2;
  if (names.size() != expected) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[export] --input-names: {} {} given, this model's graph has {} inputs: input_ids, "
                            "attention_mask{}.",
                            counted(std::ssize(names), "name"), names.size() == 1 ? "was" : "were", expected,
                            token_types ? ", token_type_ids" : "")};
  }
  onnx.input_ids_name = names[0];
  onnx.attention_mask_name = names[1];
  if (token_types) onnx.token_type_ids_name = names[2];
}

void write_onnx(const Checkpoint& checkpoint, const ExportRequest& request) {
  OnnxExportOptions onnx;
  onnx.compute_type = request.compute_type;
  onnx.form = parse_onnx_form(request.setting("--form", onnx_form_name(onnx.form)));
  const std::string opset = request.setting("--opset", "0");
  std::from_chars(opset.data(), opset.data() + opset.size(), onnx.opset);
  onnx.output_name = request.setting("--output-name", onnx.output_name);
  onnx.input_dtype = request.setting("--input-dtype", onnx.input_dtype);
  apply_input_names(request.setting("--input-names", ""), reads_token_types(checkpoint.network()), onnx);
  export_onnx(checkpoint, onnx, request.file);
}

}  // namespace

ExportFormat onnx_format() {
  using enum ExportFlag::Kind;
  return {.name = "onnx",
          .compute_types = {"fp32", "int8"},
          .compute_type_help = "int8 (quantised while it runs)",
          .file_help = "ONNX weights above 2 GB go to FILE.data",
          .flags = {{.name = "--form",
                     .value = "FORM",
                     .help = "fast, unpadded (dense layers on real tokens only) or portable (for other runtimes; "
                             "default fast)",
                     .kind = kChoice,
                     .choices = {"fast", "unpadded", "portable"}},
                    {.name = "--opset",
                     .value = "N",
                     .help = "operator set (default 23; portable takes 11 to 21, default 17)",
                     .kind = kInteger,
                     .low = 1,
                     .high = kLargestOpset},
                    {.name = "--input-names",
                     .value = "LIST",
                     .help = "names of the inputs (default input_ids,attention_mask and, where the model gets them, "
                             "token_type_ids)",
                     .kind = kList},
                    {.name = "--output-name", .value = "NAME", .help = "name of the output (default logits)"},
                    {.name = "--input-dtype",
                     .value = "DTYPE",
                     .help = "int64 or int32 (default int64)",
                     .kind = kChoice,
                     .choices = {"int64", "int32"}}},
          .write = write_onnx};
}

}  // namespace paceline
