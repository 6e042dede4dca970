// Writes one ONNX file for the tests in onnx_oracle.py, with every option the exporter has:
//
//   onnx_export_tool MODEL_DIR FILE [form=fast] [compute_type=fp32] [opset=0] [input_ids=NAME] [attention_mask=NAME]
//                    [token_type_ids=NAME] [output=NAME] [dtype=int64] [types=as-saved] [external=BYTES]

#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "base/token_types_name.h"
#include "export/onnx_export.h"
#include "paceline/error.h"

namespace paceline {
namespace {

void run(int argc, char** argv) {
  OnnxExportOptions options;
  CheckpointOptions checkpoint_options;
  const std::map<std::string, std::function<void(const std::string&)>, std::less<>> settings{
      {"form", [&](const std::string& value) { options.form = parse_onnx_form(value); }},
      {"compute_type", [&](const std::string& value) { options.compute_type = value; }},
      {"opset", [&](const std::string& value) { options.opset = std::stoi(value); }},
      {"input_ids", [&](const std::string& value) { options.input_ids_name = value; }},
      {"attention_mask", [&](const std::string& value) { options.attention_mask_name = value; }},
      {"token_type_ids", [&](const std::string& value) { options.token_type_ids_name = value; }},
      {"output", [&](const std::string& value) { options.output_name = value; }},
      {"dtype", [&](const std::string& value) { options.input_dtype = value; }},
      {"types", [&](const std::string& value) { checkpoint_options.token_types = parse_token_types(value, "types"); }},
      {"external", [&](const std::string& value) { options.external_data_above_bytes = std::stoll(value); }},
  };
  for (int i = 3; i < argc; ++i) {
    const std::string setting = argv[i];
    const auto equals = setting.find('=');
    settings.at(setting.substr(0, equals))(setting.substr(equals + 1));
  }
  export_onnx(Checkpoint::open(argv[1], checkpoint_options), options, argv[2]);
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: onnx_export_tool MODEL_DIR FILE [key=value]...\n");
    return 2;
  }
  try {
    paceline::run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "onnx_export_tool: %s\n", error.what());
    return 3;
  }
}
