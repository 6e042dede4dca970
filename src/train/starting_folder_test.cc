#include "train/starting_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/weight_files.h"
#include "tensor/safetensors.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::IsSupersetOf;

const LabelScheme kMoods{.type = ProblemType::kSingleLabelClassification, .labels = {"anger", "joy", "sad"}};

fs::path model(const std::string& name) { return fs::path(PACELINE_TESTDATA) / name; }

std::set<std::string> names_of(const Network& network) {
  std::set<std::string> names;
  for_each_weight(network, [&](const Weight& weight) { names.insert(weight.name); });
  return names;
}

TEST(StartingFolder, GivesAnEncoderAHead) {
  const Checkpoint encoder = Checkpoint::open(model("models/bert-encoder"));
  const TemporaryFolder folder;
  ClassifierFolder(encoder, kMoods).write_start(folder.path(), 1);
  const Checkpoint start = Checkpoint::open(folder.path());
  EXPECT_THAT(start.labels(), ElementsAre("anger", "joy", "sad"));
  EXPECT_EQ(start.problem_type(), kMoods.type);
  EXPECT_THAT(names_of(start.network()), IsSupersetOf({"bert.embeddings.word_embeddings.weight", "classifier.weight",
                                                       "bert.pooler.dense.weight"}));
  const Json config = read_json_file(folder / "config.json");
  EXPECT_EQ(config["architectures"][0], "BertForSequenceClassification");
  EXPECT_EQ(config["label2id"]["joy"], 1);
  EXPECT_EQ(config["problem_type"], "single_label_classification");
  EXPECT_EQ(config["transformers_version"], "4.57.1") << "what it has besides stays";
  EXPECT_EQ(start.values(start.network().embeddings.words), encoder.values(encoder.network().embeddings.words));
  EXPECT_EQ(start.values(start.network().blocks[1].ffn.up.weight),
            encoder.values(encoder.network().blocks[1].ffn.up.weight));
}

TEST(StartingFolder, TakesThePoolerThatTheEncoderWasSavedWith) {
  const TemporaryFolder source;
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"}) {
    fs::copy_file(model("models/bert-encoder") / name, source / name);
  }
  const WeightFiles files = open_weight_files(model("models/bert-encoder"));
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : files.tensors) tensors.push_back({name, tensor});
  const std::vector<float> pooler(40 * 40, 0.25F);
  tensors.push_back(
      {"pooler.dense.weight", {.dtype = DType::kF32, .shape = {40, 40}, .bytes = std::as_bytes(std::span(pooler))}});
  write_safetensors(source / "model.safetensors", tensors);
  const Checkpoint encoder = Checkpoint::open(source.path());
  const TemporaryFolder folder;
  ClassifierFolder(encoder, kMoods).write_start(folder.path(), 1);
  const Checkpoint start = Checkpoint::open(folder.path());
  EXPECT_EQ(start.network().head[0].dense.weight.name, "bert.pooler.dense.weight");
  EXPECT_EQ(start.values(start.network().head[0].dense.weight), pooler);
}

TEST(StartingFolder, DrawsAHeadAsTransformersDoes) {
  const Checkpoint encoder = Checkpoint::open(model("models/roberta-encoder"));
  const auto head = [&](uint64_t seed) {
    const TemporaryFolder folder;
    ClassifierFolder(encoder, kMoods).write_start(folder.path(), seed);
    const Checkpoint start = Checkpoint::open(folder.path());
    const HeadStep& first = start.network().head[0];
    for (const float bias : start.values(first.dense.bias)) EXPECT_EQ(bias, 0);
    return start.values(first.dense.weight);
  };
  const std::vector<float> drawn = head(1);
  EXPECT_EQ(head(1), drawn);
  EXPECT_NE(head(2), drawn);
  double sum = 0, squares = 0;
  for (const float value : drawn) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto count = static_cast<double>(drawn.size());
  // Six standard errors of a mean of N(0, 0.02), and of its standard deviation.
  EXPECT_NEAR(sum / count, 0, 6 * 0.02 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 6 * 0.02 / std::sqrt(2 * count));
}

TEST(StartingFolder, EveryEncoderGetsOne) {
  for (const char* name :
       {"albert-encoder", "distilbert-encoder", "electra-encoder", "flaubert-encoder", "gpt2-encoder",
        "modernbert-encoder", "mpnet-encoder", "xlm-encoder", "xlm-roberta-encoder", "xlnet-encoder"}) {
    const Checkpoint encoder = Checkpoint::open(model(std::string("families/") + name));
    const TemporaryFolder folder;
    ClassifierFolder(encoder, kMoods).write_start(folder.path(), 1);
    const Checkpoint start = Checkpoint::open(folder.path());
    EXPECT_TRUE(start.has_head()) << name;
    EXPECT_EQ(start.network().outputs, 3) << name;
    EXPECT_THAT(start.notices(), testing::IsEmpty()) << name;
  }
}

TEST(StartingFolder, ATrainedFolderHasTheWeightsGiven) {
  const Checkpoint checkpoint = Checkpoint::open(model("models/roberta-fp32"));
  std::map<std::string, std::vector<float>> values;
  std::vector<NamedTensor> trained;
  for_each_weight(checkpoint.network(), [&](const Weight& weight) {
    std::vector<float>& of = values[weight.name] = checkpoint.values(weight);
    of[0] += 1;
    trained.push_back(
        {weight.name, {.dtype = DType::kF32, .shape = weight.shape, .bytes = std::as_bytes(std::span(of))}});
  });
  const TemporaryFolder folder;
  const LabelScheme scheme{.type = checkpoint.problem_type(), .labels = checkpoint.labels()};
  ClassifierFolder(checkpoint, scheme).write_trained(folder.path(), trained);
  const Checkpoint result = Checkpoint::open(folder.path());
  EXPECT_EQ(result.labels(), checkpoint.labels());
  for_each_weight(checkpoint.network(),
                  [&](const Weight& weight) { EXPECT_EQ(result.values(weight), values[weight.name]) << weight.name; });
  EXPECT_EQ(read_file(folder / "tokenizer.json", 1 << 24),
            read_file(model("models/roberta-fp32") / "tokenizer.json", 1 << 24));
  const auto expect_refused = [&] {
    expect_error(
        ErrorCode::kCorruptData, [&] { ClassifierFolder(checkpoint, scheme).write_trained(folder.path(), trained); },
        "have no \"classifier.out_proj.bias\"", "--restart");
  };
  trained.back().tensor.shape = {1};
  expect_refused();
  trained.pop_back();
  expect_refused();
}

TEST(StartingFolder, FrozenWeights) {
  const Network network = Checkpoint::open(model("models/bert-fp32")).network();
  const auto frozen = [&](const std::string& what) {
    const auto names = frozen_weights(network, what);
    return std::set<std::string>(names.begin(), names.end());
  };
  EXPECT_TRUE(frozen("").empty());
  const auto embeddings = frozen("embeddings");
  EXPECT_TRUE(embeddings.contains("bert.embeddings.word_embeddings.weight"));
  EXPECT_EQ(frozen("0"), embeddings);
  EXPECT_FALSE(embeddings.contains("bert.encoder.layer.0.output.dense.weight"));
  EXPECT_TRUE(frozen("1").contains("bert.encoder.layer.0.output.dense.weight"));
  EXPECT_FALSE(frozen("1").contains("bert.encoder.layer.1.output.dense.weight"));
  const auto encoder = frozen("encoder");
  EXPECT_TRUE(encoder.contains("bert.encoder.layer.1.output.dense.weight"));
  EXPECT_FALSE(encoder.contains("bert.pooler.dense.weight"));
  EXPECT_FALSE(encoder.contains("classifier.weight"));
  const std::string layers = std::to_string(network.layers.size() + 1);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { frozen(layers); }, "--freeze \"" + layers, "the model has");
}

TEST(StartingFolder, ABlockThatALaterLayerSharesIsNotFrozen) {
  const Network albert = Checkpoint::open(model("families/albert-shared")).network();
  ASSERT_EQ(albert.blocks.size(), 1u);
  EXPECT_EQ(frozen_weights(albert, "1"), frozen_weights(albert, "embeddings"));
}

}  // namespace
}  // namespace paceline
