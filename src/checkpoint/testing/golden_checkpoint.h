#pragma once

#include <filesystem>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace paceline {

/// The checkpoint of a folder of testdata whose golden.json transformers has made. Those of testdata/token_types say
/// themselves whether token types are handed out, and have their weights in testdata/families; the others were run with
/// the types that stand there.
inline Checkpoint open_golden(const std::filesystem::path& folder) {
  const Json golden = read_json_file(folder / "golden.json");
  CheckpointOptions options;
  if (golden.contains("weights")) {
    options.file = folder / "../../families" / golden.at("weights").get<std::string>() / "model.safetensors";
  } else if (golden.at("cases").front().contains("token_type_ids")) {
    options.token_types = TokenTypes::kYes;
  }
  return Checkpoint::open(folder, options);
}

}  // namespace paceline
