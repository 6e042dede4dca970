#include <fmt/format.h>

#include <map>
#include <memory>
#include <utility>

#include "backend/plugin_loader.h"
#include "backend/registry.h"
#include "base/device.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/model_folder.h"
#include "cli/exit_code.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "export/onnx_export.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr const char* kOnnx = "onnx";
constexpr const char* kTorchscript = "torchscript";

struct ExportFlags {
  std::filesystem::path model_dir;
  CheckpointOptions checkpoint_options{};
  std::string to;
  std::filesystem::path out;
  std::vector<std::string> input_names;
  OnnxExportOptions onnx;
  PluginExportOptions torchscript;
  std::vector<std::pair<std::string, std::string>> given;  ///< what one format has, and which
};

/// A flag that only one format has; which were given is kept, since --to may stand behind them.
Flag flag_of(const char* format, ExportFlags& flags, Flag flag) {
  flag.set = [&flags, format, name = flag.name, set = flag.set](const std::string& value) {
    set(value);
    flags.given.emplace_back(name, format);
  };
  return flag;
}

/// Both formats have it, with types of their own.
Flag compute_type_flag(ExportFlags& flags) {
  static const std::map<std::string, std::string> kOnlyIn{
      {"int8", kOnnx}, {"bf16", kTorchscript}, {"fp16", kTorchscript}};
  return {"--compute-type", "TYPE",
          "fp32; onnx: or int8 (quantised while it runs); torchscript: or bf16, fp16, of the weights (default fp32)",
          [&flags](const std::string& given) {
            check_known(given, {"fp32", "int8", "bf16", "fp16"});
            flags.onnx.compute_type = flags.torchscript.compute_type = given;
            const auto only = kOnlyIn.find(given);
            if (only != kOnlyIn.end()) flags.given.emplace_back("--compute-type " + given, only->second);
          }};
}

void refuse_flags_of_another_format(const ExportFlags& flags) {
  for (const auto& [name, format] : flags.given) {
    if (format == flags.to) continue;
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[export] {} was given with --to {}, it belongs to --to {}. Leave it out.", name, flags.to,
                            format)};
  }
}

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

void write_torchscript(const Checkpoint& checkpoint, ExportFlags& flags) {
  const BackendEntry& entry = find_backend(kTorchscript);
  flags.torchscript.file = flags.out;
  export_with_plugin(load_plugin(entry.plugin, entry.install), checkpoint, flags.torchscript);
}

int run_export(ExportFlags& flags, Console& console) {
  refuse_flags_of_another_format(flags);
  const Checkpoint checkpoint = Checkpoint::open(find_model_folder(flags.model_dir), flags.checkpoint_options);
  apply_input_names(flags.input_names, reads_token_types(checkpoint.network()), flags.onnx);
  make_parent_folder(flags.out);
  if (flags.to == kTorchscript) {
    write_torchscript(checkpoint, flags);
  } else {
    export_onnx(checkpoint, flags.onnx, flags.out);
  }
  note_checkpoint(checkpoint, console);
  console.write(flags.out.string() + "\n");
  return kExitDone;
}

std::vector<Flag> onnx_flags(ExportFlags& flags) {
  OnnxExportOptions& onnx = flags.onnx;
  std::vector<Flag> table = {
      {"--form", "FORM",
       "onnx: fast, unpadded (dense layers on real tokens only) or portable (for other runtimes; default fast)",
       set_choice(onnx.form,
                  {{"fast", OnnxForm::kFast}, {"unpadded", OnnxForm::kUnpadded}, {"portable", OnnxForm::kPortable}})},
      {"--opset", "N", "onnx: operator set (default 23; portable takes 11 to 21, default 17)",
       set_integer(onnx.opset, 1, 1000)},
      {"--input-names", "LIST",
       "onnx: names of the inputs (default input_ids,attention_mask and, where the model gets them, "
       "token_type_ids)",
       set_list(flags.input_names)},
      {"--output-name", "NAME", "onnx: name of the output (default logits)", set_string(onnx.output_name)},
      {"--input-dtype", "DTYPE", "onnx: int64 or int32 (default int64)",
       set_known(onnx.input_dtype, {"int64", "int32"})}};
  for (Flag& flag : table) flag = flag_of(kOnnx, flags, std::move(flag));
  return table;
}

std::vector<Flag> torchscript_flags(ExportFlags& flags) {
  PluginExportOptions& options = flags.torchscript;
  std::vector<Flag> table = {
      {"--how", "WAY", "torchscript: trace (recorded) or script (the mask is optional; default trace)",
       set_known(options.how, {"trace", "script"})},
      {"--device", "DEVICE", "torchscript: device on which the file will run: cpu, cuda:N (default cpu)",
       [&options](const std::string& given) { options.device = device_name(parse_device(given)); }}};
  for (Flag& flag : table) flag = flag_of(kTorchscript, flags, std::move(flag));
  return table;
}

}  // namespace

Command make_export_command() {
  const auto flags = std::make_shared<ExportFlags>();
  std::vector<Flag> table = {
      model_dir_flag(flags->model_dir),
      {"--to", "FORMAT", "onnx or torchscript", set_known(flags->to, {kOnnx, kTorchscript}), true},
      {"--out", "FILE", "the file to write; ONNX weights above 2 GB go to FILE.data", set_path(flags->out), true},
      compute_type_flag(*flags),
      token_types_flag(flags->checkpoint_options.token_types)};
  for (const auto& of_format :
       {weight_flags(flags->checkpoint_options.file, flags->checkpoint_options.prefix, flags->checkpoint_options.base),
        onnx_flags(*flags), torchscript_flags(*flags)}) {
    table.insert(table.end(), of_format.begin(), of_format.end());
  }
  return {.name = "export",
          .summary = "write the model as a file for another runtime",
          .flags = std::move(table),
          .notes = "Inputs are [batch, sequence], padded on the right; the output is [batch, labels], fp32.",
          .run = [flags](const Invocation& invocation) { return run_export(*flags, invocation.console); }};
}

}  // namespace paceline
