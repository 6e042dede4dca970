// The onnxruntime plug-in as the host sees it: opened, given a checkpoint, run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "backend/plugin_loader.h"
#include "backend/registry.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "export/onnx_export.h"
#include "tests/golden_models.h"
#include "tests/sequences.h"

namespace paceline {
namespace {

class OnnxRuntime : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!PACELINE_HAS_ONNXRUNTIME) GTEST_SKIP() << "the plug-in is not built: ONNX Runtime's headers are missing";
  }

  std::unique_ptr<Backend> create(const Checkpoint& checkpoint, const std::string& name,
                                  const std::string& compute_type = "fp32") const {
    return create_plugin_backend(
        load_plugin(find_backend("onnxruntime").plugin), checkpoint,
        {.name = name, .compute_type = compute_type, .threads = 1, .cache_dir = cache_.path()});
  }

  static void expect_close(const std::vector<float>& left, const std::vector<float>& right) {
    ASSERT_EQ(left.size(), right.size());
    // At most three layers of width up to 72: some 10 roundings of 6e-8 a layer, each carried through sums of that
    // many terms, which adds up like the square root of their number, 9; both sides round.
    constexpr float kTolerance = 2 * 3 * 10 * 6e-8F * 9;
    for (std::size_t i = 0; i < left.size(); ++i) {
      EXPECT_NEAR(left[i], right[i], kTolerance * std::max(1.0F, std::abs(right[i]))) << i;
    }
  }

  TemporaryFolder cache_;
};

TEST_P(OnnxRuntime, SaysWhatItIs) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const auto backend = create(checkpoint, GetParam());
  EXPECT_EQ(backend->info().name, GetParam());
  EXPECT_EQ(backend->info().padded, GetParam() == "onnxruntime");
  EXPECT_EQ(backend->info().dtype, "fp32");
  EXPECT_EQ(backend->info().outputs, 3);
  EXPECT_EQ(backend->info().threads, 1);
  EXPECT_THAT(backend->info().version, testing::MatchesRegex("1\\.[0-9]+\\.[0-9]+.*"));
  EXPECT_THAT(backend->info().settings, testing::HasSubstr("optimisation all"));
}

TEST_P(OnnxRuntime, AnswersOfABatchAreThoseOfEachSequenceAlone) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const auto backend = create(checkpoint, GetParam());
  const auto sequences = sequences_of({5, 1, checkpoint.network().max_tokens, 3});
  const auto together = run(*backend, sequences);
  expect_close(together, run_each_alone(*backend, sequences));
  // The weights are large enough that texts differ by far more than the tolerance.
  EXPECT_GT(std::abs(together[0] - together[3]), 0.01);
}

TEST_P(OnnxRuntime, RefusesBatchesTheModelCannotTake) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const auto backend = create(checkpoint, GetParam());
  const auto refuse = [&](const PackedBatch& batch, std::size_t logits_size, const std::string& why) {
    std::vector<float> logits(logits_size);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { backend->run(batch, logits); }, why);
  };
  const int32_t longest = checkpoint.network().max_tokens;
  refuse(PackedBatch{}, 0, "empty batch");
  refuse(batch_of({{2, 3}}), 2, "room for 2 logits");
  refuse(batch_of({{2, 50}}), 3, "token id 50");
  refuse(batch_of({{2, -1}}), 3, "token id -1");
  refuse(batch_of({std::vector<int32_t>(static_cast<std::size_t>(longest) + 1, 2)}), 3, "21 tokens");
  refuse(batch_of({{2}, {}}), 6, "sequence 1 has 0 tokens");
  PackedBatch typed = batch_of({{2, 3}});
  typed.token_type_ids = {0, 1};
  refuse(typed, 3, "token type 1");
  PackedBatch wide = batch_of({{2, 3}});
  wide.max_seqlen = longest + 1;
  refuse(wide, 3, "max_seqlen");
  PackedBatch torn = batch_of({{2, 3}});
  torn.cu_seqlens.back() = 7;
  refuse(torn, 3, "cu_seqlens");
  EXPECT_EQ(run(*backend, {{2, 3}}).size(), 3U) << "and still works";
}

TEST_P(OnnxRuntime, ReadsTokenTypesWhereTheModelHasThem) {
  const TemporaryFolder folder;
  Json config = tiny_config();
  config["type_vocab_size"] = 2;
  write_tiny_checkpoint(folder.path(), config);
  const Checkpoint checkpoint = Checkpoint::open(folder.path(), {.token_types = TokenTypes::kYes});
  const auto backend = create(checkpoint, GetParam());
  PackedBatch batch = batch_of({{2, 3, 4}, {5}});
  std::vector<float> none(6), zeros(6), ones(6);
  backend->run(batch, none);
  batch.token_type_ids = {0, 0, 0, 0};
  backend->run(batch, zeros);
  batch.token_type_ids = {1, 1, 1, 1};
  backend->run(batch, ones);
  EXPECT_EQ(none, zeros);
  EXPECT_GT(std::abs(ones[0] - zeros[0]), 1e-3);
}

TEST_P(OnnxRuntime, AgreesWithTransformers) {
  EXPECT_GE(golden_folders().size(), 100U);
  for (const std::filesystem::path& folder : golden_folders()) {
    SCOPED_TRACE(folder.filename().string());
    const Checkpoint checkpoint = open_golden(folder);
    const auto backend = create(checkpoint, GetParam());
    const Golden golden(folder);
    expect_close(run_batch(*backend, golden.batch), golden.logits);
  }
}

// As transformers' RoBERTa counts positions, and as native does.
TEST_P(OnnxRuntime, PadTokensInATextAreNotCounted) {
  const std::filesystem::path folder = PACELINE_TESTDATA "/models/roberta-fp32";
  const Checkpoint checkpoint = open_golden(folder);
  const int32_t pad = checkpoint.network().pad_token_id;
  const auto native = create_backend(checkpoint, {.name = "native", .threads = 1});
  const auto backend = create(checkpoint, GetParam());
  const std::vector<std::vector<int32_t>> sequences = {{0, 20, pad, 21, 2}, {0, pad, pad, 30, 31, pad, 32, 2}, {0, 2}};
  expect_close(run(*backend, sequences), run(*native, sequences));
}

INSTANTIATE_TEST_SUITE_P(Forms, OnnxRuntime, testing::Values("onnxruntime", "onnxruntime-unpadded"),
                         [](const auto& test) { return test.param == "onnxruntime" ? "Fast" : "Unpadded"; });

// The oldest opset, the one that is the default and the newest, in which several operators have other forms.
TEST_F(OnnxRuntime, ThePortableFormAgreesWithTransformers) {
  for (const std::filesystem::path& folder : golden_folders()) {
    const Checkpoint checkpoint = open_golden(folder);
    const Golden golden(folder);
    for (const int opset : {11, 17, 21}) {
      SCOPED_TRACE(testing::Message() << folder.filename().string() << ", opset " << opset);
      const std::filesystem::path file = cache_ / "portable.onnx";
      export_onnx(checkpoint, {.form = OnnxForm::kPortable, .opset = opset}, file);
      const auto backend =
          create_plugin_backend(load_plugin(find_backend("onnxruntime").plugin), checkpoint,
                                {.name = "onnxruntime", .threads = 1, .cache_dir = cache_.path(), .file = file});
      expect_close(run_batch(*backend, golden.batch), golden.logits);
    }
  }
}

// Rounding to 8 bits errs by some 1.2 % of a product (onnx_oracle.py derives it), two follow each other in either
// branch of a layer, and layers add up like independent errors; the largest of some hundred outputs errs by four times
// the spread at most. What a gate has multiplied spreads twice as far, and so do its steps. A product with a wrong
// scale or the wrong rows of a tensor is off by far more.
TEST_F(OnnxRuntime, Int8StaysNearTransformers) {
  for (const std::filesystem::path& folder : golden_folders()) {
    SCOPED_TRACE(folder.filename().string());
    const Checkpoint checkpoint = open_golden(folder);
    const Golden golden(folder);
    float largest = 1;
    for (const float logit : golden.logits) largest = std::max(largest, std::abs(logit));
    const float product = checkpoint.network().blocks.front().ffn.gate.exists() ? 0.024F : 0.012F;
    const float bound =
        4 * product * std::sqrt(4 * (static_cast<float>(checkpoint.network().layers.size()) + 1)) * largest;
    for (const char* name : {"onnxruntime", "onnxruntime-unpadded"}) {
      const auto backend =
          create_plugin_backend(load_plugin(find_backend("onnxruntime").plugin), checkpoint,
                                {.name = name, .compute_type = "int8", .threads = 1, .cache_dir = cache_.path()});
      const std::vector<float> logits = run_batch(*backend, golden.batch);
      for (std::size_t i = 0; i < logits.size(); ++i)
        ASSERT_NEAR(logits[i], golden.logits[i], bound) << name << ", " << i;
    }
  }
}

/// Rows of three logits that hold something that is not a number.
std::vector<bool> lost_rows(const std::vector<float>& logits) {
  std::vector<bool> lost(logits.size() / 3);
  for (std::size_t i = 0; i < logits.size(); ++i) lost[i / 3] = lost[i / 3] || !std::isfinite(logits[i]);
  return lost;
}

constexpr int32_t kLoud = 40;  // the id of a word that overflows

/// Only the loud word's first value is so large that one neuron of the first block becomes infinite, of which the next
/// layer takes nothing: zero times infinity.
void make_word_loud(std::string_view name, std::vector<float>& values, float factor) {
  if (name.ends_with("word_embeddings.weight")) {
    std::fill_n(values.begin() + kLoud * 24, 24, 0.0F);
    values[kLoud * 24] = 1000;
  } else if (name.ends_with("0.intermediate.dense.weight")) {
    std::fill_n(values.begin(), 24, 0.0F);
    values[0] = factor;
  } else if (name.ends_with("0.output.dense.weight") && values.size() == 24 * 40) {
    for (std::size_t row = 0; row < 24; ++row) values[row * 40] = 0;
  }
}

// Bytes have no NaN, and a batch of them has one scale.
TEST_P(OnnxRuntime, Int8SaysNotANumberWhereFp32Does) {
  const std::vector<std::vector<int32_t>> sequences{{2, 3, 4}, {5, kLoud, 6, 7}, {8}, {9, 10, 11, 12, kLoud}};
  const auto check = [&](const ChangeOfWeights& change, const std::vector<bool>& lost) {
    const TemporaryFolder folder;
    write_tiny_checkpoint(folder.path(), tiny_config(), change);
    const Checkpoint checkpoint = Checkpoint::open(folder.path());
    EXPECT_EQ(lost_rows(run(*create(checkpoint, GetParam()), sequences)), lost) << "fp32";
    EXPECT_EQ(lost_rows(run(*create(checkpoint, GetParam(), "int8"), sequences)), lost) << "int8";
  };
  for (const char* ending : {"0.attention.self.key.bias", "0.attention.self.value.bias", "0.intermediate.dense.bias"}) {
    SCOPED_TRACE(ending);
    check(
        [&](std::string_view name, std::vector<float>& values) {
          if (name.ends_with(ending)) std::fill(values.begin(), values.end(), 3e38F);
        },
        {true, true, true, true});
  }
  for (const float factor : {0.9e38F, -0.9e38F}) {  // an infinity among the bytes' numbers; a NaN alone, by GELU
    SCOPED_TRACE(factor);
    check([&](std::string_view name, std::vector<float>& values) { make_word_loud(name, values, factor); },
          {false, true, false, true});
  }
}

TEST_F(OnnxRuntime, FormsAgree) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const auto sequences = sequences_of({9, 2, 20, 1, 13});
  expect_close(run(*create(checkpoint, "onnxruntime"), sequences),
               run(*create(checkpoint, "onnxruntime-unpadded"), sequences));
}

}  // namespace
}  // namespace paceline
