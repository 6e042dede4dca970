#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "cli/exit_code.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "export/onnx_export.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct ExportFlags {
  std::filesystem::path model_dir;
  std::string to;
  std::filesystem::path out;
  std::string device = "cpu";
  std::vector<std::string> input_names;
  OnnxExportOptions onnx;
};

/// The user's names take the places of the graph's inputs in their order.
void apply_input_names(const std::vector<std::string>& names, bool token_types, OnnxExportOptions& onnx) {
  if (names.empty()) return;
  const std::size_t expected = token_types ? 3 : 2;
  if (names.size() != expected) {
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[export] --input-names: {} names were given, this model's graph has {} inputs: input_ids, "
                            "attention_mask{}.",
                            names.size(), expected, token_types ? ", token_type_ids" : "")};
  }
  onnx.input_ids_name = names[0];
  onnx.attention_mask_name = names[1];
  if (token_types) onnx.token_type_ids_name = names[2];
}

void make_parent_folder(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error && !file.parent_path().empty()) {
    throw Error{ErrorCode::kNotFound, fmt::format("[{}] the folder cannot be made: {}. Choose another --out.",
                                                  file.parent_path().string(), error.message())};
  }
}

int run_export(ExportFlags& flags, Console& console) {
  if (flags.to == "torchscript") {
    throw Error{ErrorCode::kUnavailable,
                "[export] torchscript files need the PyTorch engine, which this paceline was built without. Use --to "
                "onnx."};
  }
  const Checkpoint checkpoint = Checkpoint::open(flags.model_dir);
  apply_input_names(flags.input_names, checkpoint.network().token_types > 1, flags.onnx);
  make_parent_folder(flags.out);
  export_onnx(checkpoint, flags.onnx, flags.out);
  if (checkpoint.random_weights()) console.note(fmt::format("paceline: {}", kRandomWeightsNotice));
  console.write(fmt::format("{}\n", flags.out.string()));
  return kExitDone;
}

}  // namespace

Command make_export_command() {
  const auto flags = std::make_shared<ExportFlags>();
  OnnxExportOptions& onnx = flags->onnx;
  std::vector<Flag> table{
      model_dir_flag(flags->model_dir),
      {"--to", "FORMAT", "onnx", set_known(flags->to, {"onnx", "torchscript"}), true},
      {"--out", "FILE", "the file to write; weights above 2 GB go to FILE.data", set_path(flags->out), true},
      {"--form", "FORM",
       "fast, unpadded (dense layers on real tokens only) or portable (for other runtimes; default fast)",
       set_choice(onnx.form,
                  {{"fast", OnnxForm::kFast}, {"unpadded", OnnxForm::kUnpadded}, {"portable", OnnxForm::kPortable}})},
      {"--opset", "N", "ONNX operator set (default 23; portable takes 11 to 21, default 17)",
       set_integer(onnx.opset, 1, 1000)},
      {"--input-names", "LIST",
       "names of the inputs (default input_ids,attention_mask and, where the model reads them, "
       "token_type_ids)",
       set_list(flags->input_names)},
      {"--output-name", "NAME", "name of the output (default logits)", set_string(onnx.output_name)},
      {"--input-dtype", "DTYPE", "int64 or int32 (default int64)", set_known(onnx.input_dtype, {"int64", "int32"})},
      {"--device", "DEVICE", "cpu (default cpu)", set_known(flags->device, {"cpu"})}};
  return {.name = "export",
          .summary = "write the model as a file for another runtime",
          .flags = std::move(table),
          .notes = "Inputs are [batch, sequence], padded on the right; the output is [batch, labels], fp32.",
          .run = [flags](const Invocation& invocation) { return run_export(*flags, invocation.console); }};
}

}  // namespace paceline
