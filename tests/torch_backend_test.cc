// The torch plug-in as the host sees it: opened, given a checkpoint or a user's file, run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/plugin_loader.h"
#include "backend/registry.h"
#include "backend/trainer.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "tests/golden_models.h"
#include "tests/sequences.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// A way to run a checkpoint: the eager backend, the backend's own trace, or a file that was exported before.
struct Way {
  std::string backend;
  std::string how;  ///< of the exported file; empty: none
};

class Torch : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (!PACELINE_HAS_TORCH) GTEST_SKIP() << "the plug-in is not built: PyTorch's files are missing";
  }

  static const PluginTable& table() { return load_plugin(find_backend("torch-eager").plugin); }

  static ExportRequest torchscript(std::map<std::string, std::string> settings, std::string compute_type = "fp32",
                                   fs::path file = {}) {
    return {.format = "torchscript",
            .compute_type = std::move(compute_type),
            .settings = std::move(settings),
            .file = std::move(file)};
  }

  fs::path exported(const Checkpoint& checkpoint, const std::string& how, const std::string& compute_type) const {
    const fs::path file = cache_ / (how + "-" + compute_type + ".pt");
    export_with_plugin(table(), checkpoint, torchscript({{"--how", how}}, compute_type, file));
    return file;
  }

  std::unique_ptr<Backend> create(const Checkpoint& checkpoint, const Way& way,
                                  const std::string& compute_type = "fp32") const {
    const fs::path file = way.how.empty() ? fs::path() : exported(checkpoint, way.how, compute_type);
    return create_backend(
        checkpoint,
        {.name = way.backend, .compute_type = compute_type, .threads = 1, .cache_dir = cache_.path(), .file = file});
  }

  Checkpoint tiny(const Json& config = tiny_config(), TokenTypes types = TokenTypes::kAsSaved) const {
    write_tiny_checkpoint(folder_.path(), config);
    return Checkpoint::open(folder_.path(), {.token_types = types});
  }

  TemporaryFolder cache_;
  TemporaryFolder folder_;
};

// Relative to the largest logit. A number of the format rounds by `unit` at most; at most three layers of width up to
// 72 round some 10 times each, and every rounding is carried through sums of that many terms, which adds up like the
// square root of their number, 9. Both sides round.
constexpr float kRoundings = 2 * 3 * 10 * 9;
constexpr float kFp32 = kRoundings * 6e-8F;
// bf16 keeps 8 bits and PyTorch sums in fp32, so a layer rounds 10 results and no terms, as do the embeddings:
// independent, they add up like the square root of their number. The largest of some hundred outputs errs by three
// times their spread; four leave room.
float bf16_tolerance(const Network& network) {
  return 4 * std::sqrt(10.0F * (static_cast<float>(network.layers.size()) + 1)) / 256;
}

void expect_close(const std::vector<float>& left, const std::vector<float>& right, float tolerance = kFp32) {
  ASSERT_EQ(left.size(), right.size());
  float largest = 1;
  for (const float logit : right) largest = std::max(largest, std::abs(logit));
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], right[i], tolerance * largest) << i;
}

/// Of a scripted form only a trace has an alternative: relative or rotary positions, windows, a convolution.
bool can_be_scripted(const Network& network) {
  const SelfAttention& attention = network.blocks.back().attention;
  return network.relative.kind == RelativeKind::kNone && !network.convolution.exists() && !attention.rotary.exists() &&
         attention.visible_before < 0 && attention.visible_after < 0;
}

TEST_P(Torch, AgreesWithTransformersAndTheReference) {
  EXPECT_GE(golden_folders().size(), 100U);
  for (const fs::path& folder : golden_folders()) {
    SCOPED_TRACE(folder.filename().string());
    const Checkpoint checkpoint = open_golden(folder);
    if (GetParam().how == "script" && !can_be_scripted(checkpoint.network())) {
      expect_error(
          ErrorCode::kUnsupported, [&] { create(checkpoint, GetParam()); }, "Use --how trace");
      continue;
    }
    const auto backend = create(checkpoint, GetParam());
    const Golden golden(folder);
    // Three times: TorchScript's executor watches the first runs and specialises later ones.
    for (int pass = 0; pass < 3; ++pass) expect_close(run_batch(*backend, golden.batch), golden.logits);
    const auto reference = create_backend(checkpoint, {.name = kReferenceBackendName});
    PackedBatch batch = batch_of(sequences_of({1, checkpoint.network().max_tokens, 6}));
    if (reads_token_types(checkpoint.network())) {
      for (std::size_t i = 0; i < batch.input_ids.size(); ++i)
        batch.token_type_ids.push_back(static_cast<int32_t>(i % 2));
    }
    expect_close(run_batch(*backend, batch), run_batch(*reference, batch));
  }
}

TEST_P(Torch, AnswersOfABatchAreThoseOfEachSequenceAlone) {
  const Checkpoint checkpoint = tiny();
  const auto backend = create(checkpoint, GetParam());
  const auto sequences = sequences_of({5, 1, checkpoint.network().max_tokens, 3});
  const auto together = run(*backend, sequences);
  expect_close(together, run_each_alone(*backend, sequences));
  // The weights are large enough that texts differ by far more than the tolerance.
  EXPECT_GT(std::abs(together[0] - together[3]), 0.01);
}

TEST_P(Torch, Bf16IsCloseAndIsBf16) {
  for (const fs::path& folder : golden_folders()) {
    SCOPED_TRACE(folder.filename().string());
    const Checkpoint checkpoint = open_golden(folder);
    if (GetParam().how == "script" && !can_be_scripted(checkpoint.network())) continue;
    const auto backend = create(checkpoint, GetParam(), "bf16");
    EXPECT_EQ(backend->info().dtype, "bf16");
    EXPECT_EQ(backend->info().compute_type, "bf16");
    const Golden golden(folder);
    const std::vector<float> logits = run_batch(*backend, golden.batch);
    expect_close(logits, golden.logits, bf16_tolerance(checkpoint.network()));
    float most = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) most = std::max(most, std::abs(logits[i] - golden.logits[i]));
    EXPECT_GT(most, kFp32) << "what is computed in bf16 rounds more than fp32 does";
  }
}

TEST_P(Torch, ReadsTokenTypesWhereTheModelHasThem) {
  Json config = tiny_config();
  config["type_vocab_size"] = 2;
  const Checkpoint checkpoint = tiny(config, TokenTypes::kYes);
  const auto backend = create(checkpoint, GetParam());
  PackedBatch batch = batch_of({{2, 3, 4}, {5}});
  const std::vector<float> none = run_batch(*backend, batch);
  batch.token_type_ids = {0, 0, 0, 0};
  const std::vector<float> zeros = run_batch(*backend, batch);
  batch.token_type_ids = {1, 1, 1, 1};
  const std::vector<float> ones = run_batch(*backend, batch);
  EXPECT_EQ(none, zeros);
  EXPECT_GT(std::abs(ones[0] - zeros[0]), 1e-3);
  const auto native = create_backend(checkpoint, {.name = "native", .threads = 1});
  expect_close(ones, run_batch(*native, batch));
}

// As transformers' RoBERTa counts positions, and as native does.
TEST_P(Torch, PadTokensInATextAreNotCounted) {
  const Checkpoint checkpoint = Checkpoint::open(PACELINE_TESTDATA "/models/roberta-fp32");
  const int32_t pad = checkpoint.network().pad_token_id;
  const auto native = create_backend(checkpoint, {.name = "native", .threads = 1});
  const auto backend = create(checkpoint, GetParam());
  const std::vector<std::vector<int32_t>> sequences = {{0, 20, pad, 21, 2}, {0, pad, pad, 30, 31, pad, 32, 2}, {0, 2}};
  expect_close(run(*backend, sequences), run(*native, sequences));
}

TEST_P(Torch, RefusesBatchesTheModelCannotTake) {
  const Checkpoint checkpoint = tiny();
  const auto backend = create(checkpoint, GetParam());
  const auto refuse = [&](const PackedBatch& batch, std::size_t logits_size, const std::string& why) {
    std::vector<float> logits(logits_size);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { backend->run(batch, logits); }, why);
  };
  refuse(PackedBatch{}, 0, "empty batch");
  refuse(batch_of({{2, 3}}), 2, "room for 2 logits");
  refuse(batch_of({{2, 50}}), 3, "token id 50");
  refuse(batch_of({std::vector<int32_t>(21, 2)}), 3, "21 tokens");
  PackedBatch narrow = batch_of({{2, 3}});
  narrow.max_seqlen = 1;
  refuse(narrow, 3, "max_seqlen is 1");
  PackedBatch typed = batch_of({{2, 3}});
  typed.token_type_ids = {0, 1};
  refuse(typed, 3, "token type 1");
  EXPECT_EQ(run(*backend, {{2, 3}}).size(), 3U) << "and still works";
}

TEST_P(Torch, SaysWhatItIs) {
  const Checkpoint checkpoint = tiny();
  const auto backend = create(checkpoint, GetParam());
  EXPECT_EQ(backend->info().name, GetParam().backend);
  EXPECT_EQ(backend->info().padded, GetParam().backend != "torch-eager-unpadded");
  EXPECT_EQ(backend->info().device, "cpu");
  EXPECT_EQ(backend->info().dtype, "fp32");
  EXPECT_EQ(backend->info().outputs, 3);
  EXPECT_EQ(backend->info().threads, 1);
  EXPECT_THAT(backend->info().version, testing::MatchesRegex("2\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(backend->info().settings, testing::HasSubstr("1 intra-op threads"));
}

INSTANTIATE_TEST_SUITE_P(Ways, Torch,
                         testing::Values(Way{"torch-eager", ""}, Way{"torch-eager-unpadded", ""},
                                         Way{"torchscript", ""}, Way{"torchscript", "trace"},
                                         Way{"torchscript", "script"}),
                         [](const auto& test) {
                           if (test.param.backend == "torch-eager") return std::string("Eager");
                           if (test.param.backend == "torch-eager-unpadded") return std::string("Unpadded");
                           if (test.param.how.empty()) return std::string("Cached");
                           return test.param.how == "trace" ? std::string("Traced") : std::string("Scripted");
                         });

TEST_F(Torch, AutocastKeepsFp32WeightsAndLeavesNothingSwitchedOn) {
  const Checkpoint checkpoint = Checkpoint::open(PACELINE_TESTDATA "/models/roberta-fp32");
  const Golden golden(PACELINE_TESTDATA "/models/roberta-fp32");
  const auto plain = create(checkpoint, {"torch-eager", ""});
  const std::vector<float> before = run_batch(*plain, golden.batch);
  const auto autocast = create(checkpoint, {"torch-eager", ""}, "bf16-autocast");
  EXPECT_EQ(autocast->info().dtype, "fp32");
  EXPECT_EQ(autocast->info().compute_type, "bf16-autocast");
  const std::vector<float> logits = run_batch(*autocast, golden.batch);
  expect_close(logits, golden.logits, bf16_tolerance(checkpoint.network()));
  EXPECT_NE(logits, before);
  EXPECT_EQ(run_batch(*plain, golden.batch), before);
}

TEST_F(Torch, KeepsItsTraceInTheCache) {
  const Checkpoint checkpoint = tiny();
  create(checkpoint, {"torchscript", ""});
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(cache_ / "torchscript")) {
    if (entry.path().extension() == ".pt") files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 1U);
  const auto written = fs::last_write_time(files[0]);
  create(checkpoint, {"torchscript", ""});
  EXPECT_EQ(fs::last_write_time(files[0]), written);
  fs::resize_file(files[0], 100);
  const auto backend = create(checkpoint, {"torchscript", ""});
  EXPECT_EQ(run(*backend, sequences_of({3})).size(), 3U) << "a file that was cut short is made again";
  create(checkpoint, {"torchscript", ""}, "bf16");
  EXPECT_EQ(std::count_if(fs::directory_iterator(cache_ / "torchscript"), fs::directory_iterator(),
                          [](const auto& entry) { return entry.path().extension() == ".pt"; }),
            2);
}

TEST_F(Torch, AUsersFileOfAnotherModelOrTypeIsRefused) {
  const Checkpoint checkpoint = tiny();
  const auto run_file = [&](const fs::path& file, const std::string& compute_type) {
    create_backend(checkpoint, {.name = "torchscript", .compute_type = compute_type, .threads = 1, .file = file});
  };
  const fs::path own = exported(checkpoint, "trace", "bf16");
  expect_error(
      ErrorCode::kUnsupported, [&] { run_file(own, "fp32"); }, "holds bf16 weights", "--compute-types bf16");
  run_file(own, "bf16");
  const Checkpoint other = Checkpoint::open(PACELINE_TESTDATA "/models/roberta-encoder");
  const fs::path encoder = exported(other, "script", "fp32");
  expect_error(
      ErrorCode::kUnsupported, [&] { run_file(encoder, "fp32"); }, "logits [2, 3] were expected");
  expect_error(
      ErrorCode::kNotFound, [&] { run_file(cache_ / "none.pt", "fp32"); }, "none.pt");
  expect_error(
      ErrorCode::kCorruptData, [&] { run_file(folder_ / "config.json", "fp32"); }, "config.json", "torch.jit.save");
}

TEST_F(Torch, TheSameExportGivesTheSameBytesAndKeepsTheNamesOfTheCheckpoint) {
  const Checkpoint checkpoint = tiny();
  for (const char* how : {"trace", "script"}) {
    const std::string first = read_file(exported(checkpoint, how, "fp32"), 1 << 26);
    EXPECT_EQ(read_file(exported(checkpoint, how, "fp32"), 1 << 26), first);
    EXPECT_THAT(first, testing::HasSubstr("paceline_checkpoint"));
    EXPECT_THAT(first, testing::Not(testing::HasSubstr("paceline_random_weights")));
  }
  Json config = tiny_config();
  config["paceline_random_weights"] = true;
  EXPECT_THAT(read_file(exported(tiny(config), "script", "fp32"), 1 << 26),
              testing::HasSubstr("paceline_random_weights"));
}

TEST_F(Torch, ExportRefusesWhatItDoesNotKnowAndLeavesNothing) {
  const Checkpoint checkpoint = tiny();
  const auto refuse = [&](ErrorCode code, ExportRequest request, const std::string& part) {
    request.file = cache_ / "x.pt";
    expect_error(
        code, [&] { export_with_plugin(table(), checkpoint, request); }, part);
    EXPECT_TRUE(fs::is_empty(cache_.path()));
  };
  refuse(ErrorCode::kInvalidArgument, torchscript({{"--how", "guess"}}), "trace or script");
  refuse(ErrorCode::kUnsupported, torchscript({}, "int8"), "int8");
  refuse(ErrorCode::kInvalidArgument, torchscript({{"--device", "tpu"}}), "cuda:N");
}

TEST_F(Torch, TrainsThroughThePlugin) {
  const Checkpoint checkpoint = tiny();
  check_trainer();
  const auto trainer = create_trainer(checkpoint, {.threads = 1});
  EXPECT_EQ(trainer->info().threads, 1);
  TrainingBatch batch{.sequences = batch_of({{2, 3, 4}, {5}}), .targets = {1, 0, 0, 0, 0, 1}, .weights = {1, 1}};
  const double before = trainer->accumulate(batch, 0.5);
  EXPECT_GT(trainer->update(1e-3, 1), 0);
  EXPECT_EQ(trainer->updates(), 1);
  for (int i = 0; i < 20; ++i) {
    trainer->accumulate(batch, 0.5);
    trainer->update(1e-2, 1);
  }
  std::vector<float> logits(6);
  trainer->run(batch.sequences, logits);
  EXPECT_GT(logits[0], logits[1]);
  EXPECT_GT(logits[5], logits[4]);
  EXPECT_GT(before, 0);
  const auto second = create_trainer(checkpoint, {.threads = 1});
  second->restore(trainer->weights(), trainer->state(), trainer->updates());
  std::vector<float> again(6);
  second->run(batch.sequences, again);
  EXPECT_EQ(again, logits);
  batch.weights.clear();
  expect_error(
      ErrorCode::kInvalidArgument, [&] { trainer->accumulate(batch, 1); }, "0 weights were given for 2 texts");
  expect_error(
      ErrorCode::kUnsupported, [&] { create_trainer(checkpoint, {.compute_type = "int8"}); }, "int8");
}

// Where PyTorch has no CUDA, or the machine has no device: a refusal, never the CPU instead.
TEST_F(Torch, AMissingDeviceIsNamed) {
  const Checkpoint checkpoint = tiny();
  for (const char* name : {"torch-eager", "torchscript"}) {
    try {
      const auto backend = create_backend(checkpoint, {.name = name, .device = "cuda:127", .cache_dir = cache_.path()});
      ADD_FAILURE() << "there are no 128 devices, yet it computes on " << backend->info().device;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      EXPECT_THAT(error.what(), testing::HasSubstr("Device cuda:127 was asked for"));
    }
  }
  expect_error(
      ErrorCode::kUnavailable,
      [&] {
        export_with_plugin(table(), checkpoint, torchscript({{"--device", "cuda:127"}}, "fp32", cache_ / "x.pt"));
      },
      "cuda:127");
}

}  // namespace
}  // namespace paceline
