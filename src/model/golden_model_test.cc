#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "batch/batch_planner.h"
#include "checkpoint/testing/golden_checkpoint.h"
#include "model/encoder_model.h"
#include "model/reference_model.h"

namespace paceline {
namespace {

/// A tiny checkpoint and what the original transformers made of some inputs, run in double.
struct Golden {
  /// `name`: of a folder below testdata.
  explicit Golden(const std::string& name)
      : folder(std::filesystem::path(PACELINE_TESTDATA) / name), checkpoint(open_golden(folder)) {
    const Json file = read_json_file(folder / "golden.json");
    for (const Json& one : file.at("cases")) {
      const auto ids = one.at("input_ids").get<std::vector<int32_t>>();
      const auto types = one.value("token_type_ids", std::vector<int32_t>{});
      append_sequence(batch, ids, types);
      for (const Json& value : one.at("logits_fp64")) logits.push_back(value.get<double>());
    }
    for (const double value : logits) largest = std::max(largest, std::abs(value));
  }

  WeightSource source() const {
    return [this](const Weight& weight) -> const TensorView& { return checkpoint.tensor(weight); };
  }

  std::filesystem::path folder;
  Checkpoint checkpoint;
  PackedBatch batch;
  std::vector<double> logits;
  double largest = 0;
};

std::vector<std::string> golden_models() {
  std::vector<std::string> names;
  for (const std::string kind : {"models", "families", "token_types"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(PACELINE_TESTDATA) / kind)) {
      if (std::filesystem::exists(entry.path() / "golden.json")) names.push_back(kind / entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenModelTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Models, GoldenModelTest, testing::ValuesIn(golden_models()), [](const auto& param_info) {
  std::string name = param_info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

TEST(GoldenModels, AreThere) { EXPECT_GE(golden_models().size(), 100U); }

// Both sum in double, in different orders: 1e-16 per operation through some thousand operations leaves three digits of
// room below 1e-10. These keep parts of their arithmetic in fp32 even then, as the scale of DeBERTa's scores, the
// softmax of XLM and FlauBERT, ModernBERT's cosines and XLNet's sines: 6e-8 of a score, some tens of them in a row.
double double_tolerance(const std::string& architecture) {
  for (const char* partly : {"deberta-v2", "xlm", "flaubert", "modernbert", "xlnet"}) {
    if (architecture == partly) return 1e-6;
  }
  return 1e-10;
}

TEST_P(GoldenModelTest, ReferenceIsTransformersInDouble) {
  const Golden golden(GetParam());
  ReferenceModel model(golden.checkpoint.network(), golden.source(), 2);
  std::vector<double> logits(golden.logits.size());
  model.run(golden.batch, logits);
  const double bound = double_tolerance(golden.checkpoint.network().architecture) * golden.largest;
  for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], golden.logits[i], bound) << i;
}

// What the product promises for fp32, at every level.
TEST_P(GoldenModelTest, EveryLevelAgreesWithTransformers) {
  const Golden golden(GetParam());
  for (const Kernels* kernels : all_kernels()) {
    if (!kernels->supported()) continue;
    EncoderModel model(golden.checkpoint.network(), golden.source(), {.threads = 2, .kernels = kernels});
    std::vector<float> logits(golden.logits.size());
    model.run(golden.batch, logits);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(logits[i]), golden.logits[i], 1e-5 * golden.largest)
          << kernels->name << ", " << i;
    }
  }
}

}  // namespace
}  // namespace paceline
