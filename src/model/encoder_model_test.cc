#include "model/encoder_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/reference_model.h"
#include "model/testing/synthetic_model.h"
#include "paceline/error.h"

namespace paceline {
namespace {

std::vector<const Kernels*> supported_levels() {
  std::vector<const Kernels*> levels;
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->supported()) levels.push_back(kernels);
  }
  return levels;
}

std::vector<float> run(EncoderModel& model, const PackedBatch& batch) {
  std::vector<float> logits(static_cast<std::size_t>(batch.sequences()) *
                            static_cast<std::size_t>(model.network().outputs));
  model.run(batch, logits);
  return logits;
}

std::vector<double> run_reference(const SyntheticModel& synthetic, const PackedBatch& batch) {
  ReferenceModel reference(synthetic.network(), synthetic.source(), 2);
  std::vector<double> logits(static_cast<std::size_t>(batch.sequences()) *
                             static_cast<std::size_t>(synthetic.network().outputs));
  reference.run(batch, logits);
  return logits;
}

PackedBatch only(const PackedBatch& batch, int32_t sequence) {
  const auto first = batch.cu_seqlens[static_cast<std::size_t>(sequence)];
  const auto last = batch.cu_seqlens[static_cast<std::size_t>(sequence) + 1];
  PackedBatch one;
  one.input_ids.assign(batch.input_ids.begin() + first, batch.input_ids.begin() + last);
  if (!batch.token_type_ids.empty()) {
    one.token_type_ids.assign(batch.token_type_ids.begin() + first, batch.token_type_ids.begin() + last);
  }
  one.cu_seqlens = {0, last - first};
  one.max_seqlen = last - first;
  return one;
}

/// Each form in an even shape, in an odd one and with a single block.
std::vector<SyntheticSizes> sizes_of_forms() {
  std::vector<SyntheticSizes> sizes;
  for (const SyntheticForm form : {SyntheticForm::kAlbert, SyntheticForm::kMpnet, SyntheticForm::kModernBert,
                                   SyntheticForm::kGpt2, SyntheticForm::kDeberta, SyntheticForm::kXlnet}) {
    sizes.push_back({.hidden = 64, .heads = 4, .inner = 130, .blocks = 3, .token_types = 2, .labels = 5, .form = form});
    sizes.push_back({.hidden = 42, .heads = 3, .inner = 47, .blocks = 2, .labels = 1, .seed = 2, .form = form});
    sizes.push_back({.hidden = 40, .heads = 5, .inner = 72, .blocks = 1, .labels = 0, .seed = 3, .form = form});
  }
  return sizes;
}

class EncoderModelTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Isa, EncoderModelTest, testing::ValuesIn(supported_levels()),
                         [](const auto& param_info) { return std::string(param_info.param->name); });

// What the product promises for fp32: logits within 1e-5 of the double reference, relative to the largest.
TEST_P(EncoderModelTest, AgreesWithTheDoubleReference) {
  const SyntheticSizes shapes[] = {
      {},
      {.hidden = 64, .heads = 4, .inner = 130, .blocks = 3, .token_types = 2, .labels = 5, .seed = 2},
      {.hidden = 48, .heads = 3, .inner = 96, .blocks = 1, .labels = 0, .seed = 3},
      {.hidden = 33, .heads = 3, .inner = 47, .blocks = 2, .labels = 1, .seed = 4},
  };
  std::vector<SyntheticSizes> all(std::begin(shapes), std::end(shapes));
  const std::vector<SyntheticSizes> forms = sizes_of_forms();
  all.insert(all.end(), forms.begin(), forms.end());
  for (const SyntheticSizes& sizes : all) {
    SCOPED_TRACE(testing::Message() << "form " << static_cast<int>(sizes.form) << ", hidden " << sizes.hidden << ", "
                                    << sizes.blocks << " blocks");
    const SyntheticModel synthetic(sizes);
    const PackedBatch batch = synthetic.batch({5, 1, 17, 40, 33, 16, 64, 2, 64});
    const std::vector<double> expected = run_reference(synthetic, batch);
    EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .kernels = &kernels()});
    const std::vector<float> logits = run(model, batch);
    double largest = 0;
    for (const double value : expected) largest = std::max(largest, std::abs(value));
    ASSERT_GT(largest, 0.1) << "the model says nothing, so agreement means nothing";
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(logits[i]), expected[i], 1e-5 * largest)
          << "hidden " << sizes.hidden << ", " << i;
    }
  }
}

// Against the double reference, whose weights and activations are not rounded. With random weights every rounding error
// is independent: through L blocks of 4 products each they add up like sqrt(4 L) times the unit of the type, 2^-9 and
// about 2^-8 (a row's range in 255 steps), and a logit collects them from all columns. Eight times that leaves room for
// outliers, and far less than a wrong row, scale or zero point would need.
TEST_P(EncoderModelTest, RoundedTypesStayNearTheDoubleReference) {
  const SyntheticSizes shapes[] = {
      {},
      {.hidden = 64, .heads = 4, .inner = 130, .blocks = 3, .token_types = 2, .labels = 5, .seed = 2},
      {.hidden = 33, .heads = 3, .inner = 47, .blocks = 2, .labels = 1, .seed = 4},
  };
  std::vector<SyntheticSizes> all(std::begin(shapes), std::end(shapes));
  const std::vector<SyntheticSizes> forms = sizes_of_forms();
  all.insert(all.end(), forms.begin(), forms.end());
  for (const NumberType type : {NumberType::kBf16, NumberType::kInt8}) {
    for (const SyntheticSizes& sizes : all) {
      SCOPED_TRACE(testing::Message() << "form " << static_cast<int>(sizes.form));
      const SyntheticModel synthetic(sizes);
      const PackedBatch batch = synthetic.batch({5, 1, 17, 40, 33, 16, 64, 2, 64});
      const std::vector<double> expected = run_reference(synthetic, batch);
      EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .kernels = &kernels(), .type = type});
      const std::vector<float> logits = run(model, batch);
      double largest = 0;
      for (const double value : expected) largest = std::max(largest, std::abs(value));
      const double unit = type == NumberType::kBf16 ? 1.0 / 512 : 1.0 / 256;
      const double bound = 8 * std::sqrt(4.0 * sizes.blocks) * unit * largest;
      double worst = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(logits[i]) - expected[i]));
      }
      EXPECT_LE(worst, bound) << "hidden " << sizes.hidden << ", type " << static_cast<int>(type);
      EXPECT_GT(worst, 1e-5 * largest) << "nothing was rounded";
    }
  }
}

TEST_P(EncoderModelTest, LogitsOfEveryFormDependOnNothingButTheirText) {
  for (const SyntheticSizes& sizes : sizes_of_forms()) {
    const SyntheticModel synthetic(sizes);
    const PackedBatch batch = synthetic.batch({3, 64, 1, 17, 64, 2, 41, 12});
    for (const NumberType type : {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8}) {
      EncoderModel alone(synthetic.network(), synthetic.source(), {.threads = 1, .kernels = &kernels(), .type = type});
      std::vector<float> expected;
      for (int32_t i = 0; i < batch.sequences(); ++i) {
        const std::vector<float> one = run(alone, only(batch, i));
        expected.insert(expected.end(), one.begin(), one.end());
      }
      for (const Split split : {Split::kColumns, Split::kSequences, Split::kRows}) {
        EncoderModel model(synthetic.network(), synthetic.source(),
                           {.threads = 3, .kernels = &kernels(), .type = type, .split = split, .pass_tokens = 70});
        EXPECT_EQ(run(model, batch), expected)
            << "form " << static_cast<int>(sizes.form) << ", hidden " << sizes.hidden << ", split "
            << static_cast<int>(split) << ", type " << static_cast<int>(type);
      }
    }
  }
}

TEST_P(EncoderModelTest, LogitsDependOnNothingButTheirText) {
  const SyntheticModel synthetic({.token_types = 2});
  const PackedBatch batch = synthetic.batch({3, 64, 1, 17, 30, 5, 64, 8, 2, 41, 12, 7});
  for (const NumberType type : {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8}) {
    EncoderModel alone(synthetic.network(), synthetic.source(), {.threads = 1, .kernels = &kernels(), .type = type});
    std::vector<float> expected;
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      const std::vector<float> one = run(alone, only(batch, i));
      expected.insert(expected.end(), one.begin(), one.end());
    }
    for (int threads = 1; threads <= 4; ++threads) {
      for (const Split split : {Split::kAuto, Split::kColumns, Split::kSequences, Split::kRows}) {
        for (const int pass_tokens : {1, 70, 1024}) {
          EncoderModel model(
              synthetic.network(), synthetic.source(),
              {.threads = threads, .kernels = &kernels(), .type = type, .split = split, .pass_tokens = pass_tokens});
          EXPECT_EQ(run(model, batch), expected)
              << threads << " threads, split " << static_cast<int>(split) << ", passes of " << pass_tokens << ", type "
              << static_cast<int>(type);
        }
      }
    }
  }
}

TEST_P(EncoderModelTest, LongTextsTakeSeveralChunks) {
  const SyntheticModel synthetic({.max_tokens = 400});
  const PackedBatch batch = synthetic.batch({400, 399, 3});
  const std::vector<double> expected = run_reference(synthetic, batch);
  for (const Split split : {Split::kColumns, Split::kSequences, Split::kRows}) {
    EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .kernels = &kernels(), .split = split});
    const std::vector<float> logits = run(model, batch);
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(static_cast<double>(logits[i]), expected[i], 2e-5);
  }
}

TEST_P(EncoderModelTest, RunsAgainAfterOtherBatches) {
  const SyntheticModel synthetic;
  EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .kernels = &kernels()});
  const PackedBatch first = synthetic.batch({9, 60, 2});
  const std::vector<float> expected = run(model, first);
  run(model, synthetic.batch({64, 64, 64, 64, 1, 1, 1}));
  run(model, synthetic.batch({1}));
  EXPECT_EQ(run(model, first), expected);
}

TEST(EncoderModel, TheNarrowerTypeKeepsFewerBytes) {
  const SyntheticSizes sizes{.hidden = 64, .heads = 4, .inner = 128};
  const SyntheticModel synthetic(sizes);
  const auto bytes = [&](NumberType type) {
    return EncoderModel(synthetic.network(), synthetic.source(), {.type = type}).weight_bytes();
  };
  std::size_t weights = 0;
  for_each_weight(synthetic.network(), [&](const Weight& weight) {
    weights += weight_values(synthetic.source(), weight).size() * sizeof(float);
  });
  EXPECT_GE(bytes(NumberType::kFp32) * 100, weights * 99) << "the last block's key has no bias";
  EXPECT_LE(bytes(NumberType::kFp32) * 100, weights * 115);
  EXPECT_LT(bytes(NumberType::kBf16), bytes(NumberType::kFp32));
  EXPECT_LT(bytes(NumberType::kInt8), bytes(NumberType::kBf16));
}

/// `synthetic`'s source with another position table.
class OtherPositions {
 public:
  /// Row `first_row` + i of the new table is row `rows`[i] of the old one.
  OtherPositions(const SyntheticModel& synthetic, int32_t first_row, const std::vector<int32_t>& rows)
      : inner_(synthetic.source()), name_(synthetic.network().embeddings.positions.name) {
    const Weight& positions = synthetic.network().embeddings.positions;
    table_ = weight_values(inner_, positions);
    const std::vector<float> old = table_;
    const auto width = static_cast<std::size_t>(synthetic.network().hidden_size);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(old.begin() + rows[i] * std::ssize(old) / positions.shape[0], width,
                  table_.begin() + static_cast<std::ptrdiff_t>((static_cast<std::size_t>(first_row) + i) * width));
    }
    view_ = {.shape = positions.shape, .bytes = std::as_bytes(std::span(table_))};
  }

  WeightSource source() const {
    return [this](const Weight& weight) -> const TensorView& { return weight.name == name_ ? view_ : inner_(weight); };
  }

 private:
  WeightSource inner_;
  std::string name_;
  std::vector<float> table_;
  TensorView view_;
};

// Transformers gives these ids the positions 2 1 3 1 1 4 5. A network that counts every token comes to the same logits
// with a table in which those rows stand in order.
TEST_P(EncoderModelTest, PadTokensInATextAreNotCounted) {
  const SyntheticModel synthetic;
  PackedBatch batch;
  batch.input_ids = {5, 1, 40, 1, 1, 41, 42};
  batch.cu_seqlens = {0, 7};
  batch.max_seqlen = 7;
  Network counting = synthetic.network();
  counting.embeddings.uncounted_id = -1;
  const OtherPositions in_order(synthetic, counting.embeddings.position_offset, {2, 1, 3, 1, 1, 4, 5});
  for (const Split split : {Split::kColumns, Split::kRows}) {
    const EncoderOptions options{.threads = 3, .kernels = &kernels(), .split = split};
    EncoderModel model(synthetic.network(), synthetic.source(), options);
    EncoderModel expected(counting, in_order.source(), options);
    EncoderModel unaware(counting, synthetic.source(), options);
    EXPECT_EQ(run(model, batch), run(expected, batch));
    EXPECT_NE(run(model, batch), run(unaware, batch));
  }
}

TEST_P(EncoderModelTest, PadTokensInATextAreNotCountedByTheReferenceEither) {
  const SyntheticModel synthetic;
  PackedBatch batch = synthetic.batch({64, 5, 33});
  for (std::size_t i = 1; i < batch.input_ids.size(); i += 3) batch.input_ids[i] = 1;
  const std::vector<double> expected = run_reference(synthetic, batch);
  EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .kernels = &kernels()});
  const std::vector<float> logits = run(model, batch);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(static_cast<double>(logits[i]), expected[i], 2e-5);
}

class CheckBatchTest : public testing::Test {
 protected:
  void expect_refused(const PackedBatch& batch, const std::string& part, std::size_t logits = 6) {
    std::vector<float> room(logits);
    try {
      model_.run(batch, room);
      ADD_FAILURE() << "accepted where '" << part << "' was expected";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
  }

  SyntheticModel synthetic_{{.token_types = 2}};
  EncoderModel model_{synthetic_.network(), synthetic_.source(), {}};
  PackedBatch batch_ = synthetic_.batch({3, 4});
};

TEST_F(CheckBatchTest, RefusesWhatTheNetworkCannotRun) {
  PackedBatch batch = batch_;
  batch.max_seqlen = 3;
  expect_refused(batch, "sequence 1 has 4 tokens, max_seqlen is 3");
  batch.max_seqlen = 65;
  expect_refused(batch, "max_seqlen is 65, the model takes 1 to 64");
  batch = batch_;
  batch.input_ids[5] = 50;
  expect_refused(batch, "sequence 1 has token id 50, the model knows 0 to 49");
  batch.input_ids[5] = -1;
  expect_refused(batch, "token id -1");
  batch = batch_;
  batch.token_type_ids[0] = 2;
  expect_refused(batch, "token type 2");
  batch = batch_;
  batch.token_type_ids.pop_back();
  expect_refused(batch, "6 token_type_ids were given for 7 ids");
  expect_refused(synthetic_.batch({3, 65}), "sequence 1 has 65 tokens, the model takes 1 to 64");
  expect_refused(synthetic_.batch({3, 0}), "sequence 1 has 0 tokens");
  expect_refused(batch_, "room for 5 logits", 5);
  expect_refused(PackedBatch{}, "empty batch", 0);
  batch = batch_;
  batch.cu_seqlens = {0, 3, 6};
  expect_refused(batch, "cu_seqlens run from 0 to 6, 7 ids");
  batch = batch_;
  batch.cu_seqlens = {0, 9, 7};
  expect_refused(batch, "sequence 0 has 9 tokens");
}

}  // namespace
}  // namespace paceline
