#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/json.h"
#include "checkpoint/testing/golden_checkpoint.h"
#include "paceline/packed_batch.h"
#include "tests/sequences.h"

namespace paceline {

/// The tiny models of testdata that transformers has run, in the order of their paths.
inline std::vector<std::filesystem::path> golden_folders() {
  std::vector<std::filesystem::path> folders;
  for (const char* kind :
       {PACELINE_TESTDATA "/models", PACELINE_TESTDATA "/families", PACELINE_TESTDATA "/token_types"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kind)) {
      if (std::filesystem::exists(entry.path() / "golden.json")) folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// Inputs of such a model and the logits that transformers computed for them in double precision.
struct Golden {
  explicit Golden(const std::filesystem::path& folder) {
    std::vector<std::vector<int32_t>> sequences;
    std::vector<int32_t> types;
    const Json file = read_json_file(folder / "golden.json");
    for (const Json& item : file.at("cases")) {
      sequences.push_back(item.at("input_ids").get<std::vector<int32_t>>());
      for (const Json& type : item.value("token_type_ids", Json::array())) types.push_back(type.get<int32_t>());
      for (const Json& logit : item.at("logits_fp64")) logits.push_back(logit.get<float>());
    }
    batch = batch_of(sequences);
    batch.token_type_ids = types;
  }

  PackedBatch batch;
  std::vector<float> logits;
};

}  // namespace paceline
