#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

class Checkpoint;

/// What a file of another runtime is to be: what the flags of `paceline export` say.
struct ExportRequest {
  std::string format;                             ///< "onnx"
  std::string compute_type = "fp32";              ///< of the weights, or of the products where the format says so
  std::map<std::string, std::string> settings{};  ///< the format's own flags that were given: "--opset"
  std::filesystem::path file{};                   ///< to write

  /// The value of a flag; `otherwise` where it was not given.
  std::string setting(std::string_view flag, std::string_view otherwise) const {
    const auto found = settings.find(std::string(flag));
    return std::string(found == settings.end() ? otherwise : found->second);
  }
};

/// One flag of `paceline export` that belongs to a format. Its value is checked before the exporter gets it as text.
struct ExportFlag {
  enum class Kind { kText, kList, kInteger, kChoice, kDevice };

  std::string name;   ///< "--opset"
  std::string value;  ///< "N", for the help
  std::string help;   ///< what it does and its default
  Kind kind = Kind::kText;
  std::vector<std::string> choices{};  ///< kChoice
  int64_t low = 0;                     ///< kInteger
  int64_t high = 0;
};

/// A kind of file that `paceline export --to` writes. A format belongs to a row of the registry.
struct ExportFormat {
  std::string name;                        ///< "onnx"
  std::vector<std::string> compute_types;  ///< with fp32, the default
  std::string compute_type_help;           ///< of those beside the first: "int8 (quantised while it runs)"
  std::string file_help{};                 ///< what is to be known of the file
  std::vector<ExportFlag> flags;
  /// Writes the file, atomically. Null: the engine's plug-in does.
  /// Throws Error{invalid_argument, unsupported, resource_exhausted}.
  void (*write)(const Checkpoint& checkpoint, const ExportRequest& request) = nullptr;
};

}  // namespace paceline
