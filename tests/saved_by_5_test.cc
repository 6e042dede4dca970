// Folders that transformers 5 saved, from text to ids to logits on every backend that is built: what its own tokenizer
// and model give (tools/make/make_saved_by_5.py).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "base/json.h"
#include "base/testing/temporary_folder.h"
#include "pipeline/text_classifier.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = PACELINE_TESTDATA "/saved_by_5";

std::vector<std::string> folders() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

struct Case {
  Text text;
  std::vector<int32_t> ids;
  std::vector<int32_t> types;  ///< empty: the tokenizer hands out none
  std::vector<double> logits;
};

std::vector<Case> cases_of(const std::string& name) {
  std::vector<Case> cases;
  const Json golden = read_json_file(kFolder / name / "golden.json");
  for (const Json& one : golden.at("cases")) {
    Case found{.text = {.first = one.at("text"), .second = std::nullopt},
               .ids = one.at("input_ids"),
               .types = one.value("token_type_ids", std::vector<int32_t>{}),
               .logits = one.at("logits_fp64")};
    if (one.contains("pair")) found.text.second = one.at("pair").get<std::string>();
    cases.push_back(std::move(found));
  }
  return cases;
}

class SavedBy5Test : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const Case& one : cases_) texts_.push_back(one.text);
  }

  TextClassifier pipeline(const std::string& backend) const {
    return {kFolder / GetParam(), {.backend = {.name = backend, .threads = 1, .cache_dir = cache_.path()}}};
  }

  /// How far logits may be from the original's in double: an fp32 engine's roundings, as the families' golden test has
  /// it; ONNX Runtime's own exponentials are coarser.
  static double tolerance(const std::string& backend) { return backend.starts_with("onnxruntime") ? 1e-4 : 1e-5; }

  const std::vector<Case> cases_ = cases_of(GetParam());
  std::vector<Text> texts_;
  TemporaryFolder cache_;
};

INSTANTIATE_TEST_SUITE_P(Folders, SavedBy5Test, testing::ValuesIn(folders()), [](const auto& param_info) {
  std::string name = param_info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(SavedBy5Folders, AreThere) { EXPECT_GE(folders().size(), 25U); }

TEST_P(SavedBy5Test, HasNothingThatIsPassedOver) {
  EXPECT_TRUE(Checkpoint::open(kFolder / GetParam()).notices().empty());
}

TEST_P(SavedBy5Test, HasTheOriginalsIdsAndTokenTypes) {
  TextClassifier pipe = pipeline("native");
  const Sequences sequences = pipe.encode(texts_);
  ASSERT_TRUE(sequences.one_each());
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    SCOPED_TRACE(texts_[i].first);
    EXPECT_EQ(sequences.encodings[i].input_ids, cases_[i].ids);
    // A model that tells no types apart is given none, whatever the tokenizer hands out: its logits decide.
    const std::vector<int32_t>& types = sequences.encodings[i].token_type_ids;
    EXPECT_TRUE(types.empty() || types == cases_[i].types);
  }
}

TEST_P(SavedBy5Test, HasTheOriginalsLogitsOnEveryBackend) {
  double largest = 0;
  for (const Case& one : cases_) {
    for (const double value : one.logits) largest = std::max(largest, std::abs(value));
  }
  for (const BackendEntry& entry : known_backends()) {
    if (!backend_status(entry).available) continue;
    SCOPED_TRACE(entry.name);
    TextClassifier pipe = pipeline(entry.name);
    const Sequences sequences = pipe.encode(texts_);
    ASSERT_TRUE(sequences.one_each());
    const std::size_t labels = cases_.front().logits.size();
    std::vector<float> logits(cases_.size() * labels);
    pipe.run(sequences.encodings, logits);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const Case& one = cases_[i / labels];
      ASSERT_NEAR(logits[i], one.logits[i % labels], tolerance(entry.name) * largest) << one.text.first;
    }
  }
}

}  // namespace
}  // namespace paceline
