#include "backend/torch/torch_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "backend/torch/eager_backend.h"
#include "backend/torch/testing/torch_training.h"
#include "base/testing/expect_error.h"
#include "checkpoint/testing/golden_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Two layouts compute the same sums in another order: a gradient errs by the roundings of tests/torch_backend_test.cc,
// 2 * 3 layers * 10 * 9 each of 6e-8, twice for the way back. An update moves a weight by rate * g / (|g| + epsilon),
// so by rate / epsilon times that error at most, three times.
TEST_F(TorchTraining, RowsAndPaddedTextsReachTheSameWeights) {
  constexpr double kGradient = 2 * 2 * 3 * 10 * 9 * 6e-8;
  constexpr double kRate = 1e-2;
  constexpr double kEpsilon = 1e-1;
  for (const char* folder :
       {"models/roberta-fp32", "models/roberta-regression", "models/camembert-multi-label",
        "families/bert-relu-one-type", "families/albert-groups", "families/electra-narrow", "families/mpnet-plain",
        "families/deberta-v2-convolution", "families/modernbert-mean-biases", "families/gpt2-plain",
        "families/xlnet-plain", "families/flaubert-last"}) {
    SCOPED_TRACE(folder);
    const Checkpoint checkpoint = open_golden(fs::path(PACELINE_TESTDATA) / folder);
    TrainerOptions options{.threads = 1, .dropout = false, .epsilon = kEpsilon};
    TorchTrainer rows(checkpoint, options);
    options.padded = true;
    TorchTrainer padded(checkpoint, options);
    const int32_t longest = std::min(20, checkpoint.network().max_tokens);
    for (uint64_t step = 0; step < 3; ++step) {
      const std::vector<TrainingBatch> batches{random_texts(checkpoint.network(), 5, step, longest),
                                               random_texts(checkpoint.network(), 3, step + 9, longest)};
      const double loss = train(padded, batches, kRate);
      EXPECT_NEAR(train(rows, batches, kRate), loss, kGradient * (1 + std::abs(loss)));
    }
    const Values left = copy_of(rows.weights());
    const Values right = copy_of(padded.weights());
    double most = 0;
    double moved = 0;
    for (const auto& [name, values] : left) {
      const std::vector<float> before = checkpoint.values({name, {}});
      for (std::size_t i = 0; i < values.size(); ++i) {
        most = std::max<double>(most, std::abs(values[i] - right.at(name)[i]));
        moved = std::max<double>(moved, std::abs(values[i] - before[i]));
      }
    }
    EXPECT_LE(most, 3 * kRate / kEpsilon * kGradient);
    EXPECT_GT(moved, 1e-4) << "they are trained at all";
  }
}

TEST_F(TorchTraining, ThirtyTwoTextsAreLearntByHeart) {
  TorchTrainer trainer(checkpoint_, {.threads = 1, .dropout = false});
  const TrainingBatch texts = random_texts(network(), 32, 3);
  const double first = train(trainer, {texts}, 3e-3);
  double last = first;
  for (int step = 0; step < 80; ++step) last = train(trainer, {texts}, 3e-3);
  EXPECT_GT(first, 0.5);
  EXPECT_LT(last, 0.05);
  std::vector<float> logits(texts.targets.size());
  trainer.run(texts.sequences, logits);
  for (std::size_t text = 0; text < texts.weights.size(); ++text) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(text * 3);
    EXPECT_EQ(texts.targets[text * 3 + static_cast<std::size_t>(std::max_element(row, row + 3) - row)], 1);
  }
}

TEST_F(TorchTraining, GoesOnFromItsStateBitForBit) {
  const TrainerOptions options{.threads = 2};
  const auto batches = [&](uint64_t step) {
    return std::vector<TrainingBatch>{random_texts(network(), 6, 2 * step), random_texts(network(), 6, 2 * step + 1)};
  };
  TorchTrainer whole(checkpoint_, options);
  for (uint64_t step = 0; step < 3; ++step) train(whole, batches(step), 1e-2);
  Values weights = copy_of(whole.weights());
  Values state = copy_of(whole.state());
  const auto tensors = [](const std::vector<NamedTensor>& like, const Values& values) {
    std::vector<NamedTensor> made = like;
    for (NamedTensor& tensor : made) tensor.tensor.bytes = std::as_bytes(std::span(values.at(tensor.name)));
    return made;
  };
  TorchTrainer second(checkpoint_, options);
  second.accumulate(batches(9).front(), 1);  // forgotten
  second.restore(tensors(whole.weights(), weights), tensors(whole.state(), state), whole.updates());
  EXPECT_EQ(second.updates(), 3);
  for (uint64_t step = 3; step < 5; ++step) {
    EXPECT_EQ(train(whole, batches(step), 1e-2), train(second, batches(step), 1e-2));
  }
  EXPECT_EQ(copy_of(whole.weights()), copy_of(second.weights()));
  EXPECT_EQ(copy_of(whole.state()), copy_of(second.state()));
}

TEST_F(TorchTraining, AStateThatDoesNotFitChangesNothing) {
  TorchTrainer trained(checkpoint_, {.threads = 1});
  train(trained, {random_texts(network(), 6, 1)}, 1e-2);
  TorchTrainer fresh(checkpoint_, {.threads = 1});
  const Values weights = copy_of(fresh.weights());
  const Values state = copy_of(fresh.state());
  const auto refuse = [&](const std::string& part, const std::function<void(std::vector<NamedTensor>&)>& change) {
    std::vector<NamedTensor> changed = trained.state();
    change(changed);
    expect_error(
        ErrorCode::kCorruptData, [&] { fresh.restore(trained.weights(), changed, 1); }, part);
    EXPECT_EQ(copy_of(fresh.weights()), weights) << part;
    EXPECT_EQ(copy_of(fresh.state()), state) << part;
    EXPECT_EQ(fresh.updates(), 0) << part;
  };
  refuse("is missing", [](auto& tensors) { tensors.pop_back(); });
  refuse("was expected", [](auto& tensors) { tensors.back().tensor.shape.push_back(1); });
  refuse("is I32", [](auto& tensors) { tensors.back().tensor.dtype = DType::kI32; });
  refuse("surprise", [](auto& tensors) {
    tensors.push_back(tensors.front());
    tensors.back().name = "surprise";
  });
}

TEST_F(TorchTraining, TheSeedDecidesWhatIsDropped) {
  const TrainingBatch texts = random_texts(network(), 8, 1);
  const auto loss = [&](const TrainerOptions& options) {
    TorchTrainer trainer(checkpoint_, options);
    return trainer.accumulate(texts, 1);
  };
  const double with = loss({.threads = 1, .seed = 1});
  EXPECT_EQ(loss({.threads = 1, .seed = 1}), with);
  EXPECT_NE(loss({.threads = 1, .seed = 2}), with);
  EXPECT_NE(loss({.threads = 1, .dropout = false}), with);
  TorchTrainer trainer(checkpoint_, {.threads = 1, .seed = 1});
  EXPECT_EQ(trainer.accumulate(texts, 1), with);
  EXPECT_NE(trainer.accumulate(texts, 1), with) << "the second pass drops others";
}

TEST_F(TorchTraining, FrozenWeightsStayAndHaveNoState) {
  const std::string frozen = "roberta.embeddings.word_embeddings.weight";
  TorchTrainer trainer(checkpoint_, {.threads = 1, .frozen = {frozen}});
  const Values before = copy_of(trainer.weights());
  train(trainer, {random_texts(network(), 8, 1)}, 1e-2);
  for (const auto& [name, values] : copy_of(trainer.weights()))
    EXPECT_EQ(values == before.at(name), name == frozen) << name;
  for (const NamedTensor& tensor : trainer.state()) EXPECT_THAT(tensor.name, testing::Not(testing::HasSubstr(frozen)));
}

TEST_F(TorchTraining, PositionsThatAreSinesStay) {
  const Checkpoint checkpoint = open_golden(fs::path(PACELINE_TESTDATA) / "families/distilbert-relu-sines");
  TorchTrainer trainer(checkpoint, {.threads = 1});
  const Values before = copy_of(trainer.weights());
  train(trainer, {random_texts(checkpoint.network(), 8, 1)}, 1e-2);
  for (const auto& [name, values] : copy_of(trainer.weights())) {
    EXPECT_EQ(values == before.at(name), name == checkpoint.network().embeddings.positions.name) << name;
  }
}

// Without a gradient, decay alone moves a weight: by rate * decay of itself.
TEST_F(TorchTraining, MatricesAloneDecay) {
  TorchTrainer trainer(checkpoint_, {.threads = 1, .weight_decay = 0.5});
  const Values before = copy_of(trainer.weights());
  TrainingBatch texts = random_texts(network(), 4, 1);
  trainer.accumulate(texts, 0);
  EXPECT_EQ(trainer.update(0.5, 1), 0);
  for (const NamedTensor& tensor : trainer.weights()) {
    const bool matrix = tensor.tensor.shape.size() > 1;
    const std::vector<float> after = copy_of({tensor}).at(tensor.name);
    for (std::size_t i = 0; i < after.size(); ++i) {
      EXPECT_FLOAT_EQ(after[i], before.at(tensor.name)[i] * (matrix ? 0.75F : 1)) << tensor.name;
    }
  }
}

// As in PyTorch: the text that holds padding's id trains neither its word nor its position, which decay all the same.
TEST_F(TorchTraining, DecayAloneMovesTheRowsOfPadding) {
  for (const double decay : {0.0, 0.5}) {
    TorchTrainer trainer(checkpoint_, {.threads = 1, .weight_decay = decay});
    TrainingBatch texts = random_texts(network(), 4, 1);
    for (std::size_t text = 0; text < 4; ++text) {
      texts.sequences.input_ids[static_cast<std::size_t>(texts.sequences.cu_seqlens[text])] = network().pad_token_id;
    }
    const Values before = copy_of(trainer.weights());
    train(trainer, {texts}, 0.1);
    const Values after = copy_of(trainer.weights());
    for (const Weight& table : {network().embeddings.words, network().embeddings.positions}) {
      SCOPED_TRACE(table.name);
      ASSERT_EQ(table.padding_row, network().pad_token_id);
      const auto width = static_cast<std::size_t>(table.shape[1]);
      const std::size_t row = static_cast<std::size_t>(table.padding_row) * width;
      for (std::size_t i = row; i < row + width; ++i) {
        EXPECT_FLOAT_EQ(after.at(table.name)[i], static_cast<float>(1 - 0.1 * decay) * before.at(table.name)[i]);
      }
      EXPECT_NE(after.at(table.name), before.at(table.name));
    }
  }
}

TEST_F(TorchTraining, AGradientThatIsNoNumberMovesNothing) {
  TorchTrainer trainer(checkpoint_, {.threads = 1});
  const Values before = copy_of(trainer.weights());
  const Values state = copy_of(trainer.state());
  TrainingBatch texts = random_texts(network(), 4, 1);
  texts.targets[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(trainer.accumulate(texts, 1)));
  EXPECT_TRUE(std::isnan(trainer.update(1e-2, 1)));
  EXPECT_EQ(copy_of(trainer.weights()), before);
  EXPECT_EQ(copy_of(trainer.state()), state);
  EXPECT_EQ(trainer.updates(), 0);
  EXPECT_TRUE(std::isfinite(train(trainer, {random_texts(network(), 4, 1)}, 1e-2))) << "and it goes on";
}

TEST_F(TorchTraining, AnswersAsTheBackendDoes) {
  TorchTrainer trainer(checkpoint_, {.threads = 1});
  EagerBackend backend(checkpoint_, {.name = "torch-eager-unpadded", .threads = 1}, /*padded=*/false);
  const TrainingBatch texts = random_texts(network(), 9, 1);
  std::vector<float> ours(27), theirs(27);
  trainer.run(texts.sequences, ours);
  backend.run(texts.sequences, theirs);
  EXPECT_EQ(ours, theirs);
}

// bf16 keeps 8 bits; a loss of some hundred numbers each rounded that much, whose errors add up like the square root of
// their number, is off by a few hundredths.
TEST_F(TorchTraining, Bf16IsCloseAndKeepsFp32Weights) {
  const TrainingBatch texts = random_texts(network(), 16, 1);
  TorchTrainer plain(checkpoint_, {.threads = 1, .dropout = false});
  TorchTrainer autocast(checkpoint_, {.compute_type = "bf16-autocast", .threads = 1, .dropout = false});
  const double loss = plain.accumulate(texts, 1) / 16;
  const double rounded = autocast.accumulate(texts, 1) / 16;
  EXPECT_NEAR(rounded, loss, 0.1);
  EXPECT_NE(rounded, loss);
  const double norm = plain.update(1e-3, 0);
  EXPECT_NEAR(autocast.update(1e-3, 0), norm, 0.1 * norm);
  TorchTrainer dropping(checkpoint_, {.compute_type = "bf16-autocast", .threads = 1});
  EXPECT_TRUE(std::isfinite(dropping.accumulate(texts, 1)));
}

TEST_F(TorchTraining, RefusesWhatItCannotTrain) {
  const auto refuse = [&](ErrorCode code, const TrainerOptions& options, const std::string& part) {
    expect_error(
        code, [&] { TorchTrainer(checkpoint_, options); }, part);
  };
  refuse(ErrorCode::kUnsupported, {.compute_type = "int8"}, "\"int8\" was given, expected fp32 or bf16-autocast");
  refuse(ErrorCode::kInvalidArgument, {.frozen = {"no.such.weight"}}, "no.such.weight");
  std::vector<std::string> all;
  for_each_weight(network(), [&](const Weight& weight) { all.push_back(weight.name); });
  refuse(ErrorCode::kInvalidArgument, {.frozen = all}, "nothing is left to train");
  const Checkpoint encoder = open_golden(fs::path(PACELINE_TESTDATA) / "models/roberta-encoder");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { TorchTrainer(encoder, {}); }, "without a head");
  TorchTrainer trainer(checkpoint_, {.threads = 1});
  TrainingBatch texts = random_texts(network(), 4, 1);
  texts.weights.pop_back();
  expect_error(
      ErrorCode::kInvalidArgument, [&] { trainer.accumulate(texts, 1); }, "12 targets and 3 weights");
  texts = random_texts(network(), 4, 1);
  texts.sequences.input_ids[0] = 50;
  expect_error(
      ErrorCode::kInvalidArgument, [&] { trainer.accumulate(texts, 1); }, "token id 50");
}

}  // namespace
}  // namespace paceline
