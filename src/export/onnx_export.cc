#include "export/onnx_export.h"

#include <fmt/format.h>

#include "base/cache_folder.h"
#include "base/enum_names.h"
#include "export/network_to_onnx.h"
#include "export/onnx_model.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr EnumNames<OnnxForm, 3> kForms{{
    {OnnxForm::kFast, "fast"},
    {OnnxForm::kUnpadded, "unpadded"},
    {OnnxForm::kPortable, "portable"},
}};

}  // namespace

std::string_view onnx_form_name(OnnxForm form) { return name_of(form, kForms); }

OnnxForm parse_onnx_form(std::string_view name) {
  for (const auto& [value, known] : kForms) {
    if (known == name) return value;
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[export onnx] The form \"{}\" was given, fast, unpadded or portable was expected. portable is "
                  "what other runtimes read.",
                  name.substr(0, 60)));
}

void export_onnx(const Checkpoint& checkpoint, const OnnxExportOptions& options, const std::filesystem::path& file) {
  const OnnxModel model = network_to_onnx(checkpoint, options, checkpoint.hash(default_cache_dir()));
  write_onnx_model(model, file, static_cast<uint64_t>(options.external_data_above_bytes));
}

}  // namespace paceline
