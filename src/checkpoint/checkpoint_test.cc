#include "checkpoint/checkpoint.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/model_config.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAnySize = std::size_t{1} << 30;

/// A folder with a good tiny checkpoint, for each test to damage.
class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override { write_tiny_checkpoint(dir()); }

  const fs::path& dir() const { return folder_.path(); }

  void put(const std::string& name, const std::string& content) { write_file_atomically(dir() / name, content); }

  void put_config(const char* key, const Json& value) {
    Json config = tiny_config();
    config[key] = value;
    put("config.json", config.dump());
  }

  /// Writes the tiny weights again after `change` had its way with them.
  template <class Change>
  void put_weights(Change change, const std::string& name = "model.safetensors") {
    TinyWeights weights = tiny_weights(describe_network(tiny_config(), {}, "tiny"));
    change(weights.tensors);
    write_safetensors(dir() / name, weights.tensors);
  }

  /// Two shards and their index instead of the one file.
  void put_shards() {
    fs::remove(dir() / "model.safetensors");
    Json map;
    put_weights(
        [&](std::vector<NamedTensor>& tensors) {
          tensors.erase(tensors.begin() + 10, tensors.end());
          for (const NamedTensor& named : tensors) {
            map[named.name] = "model-00001-of-00002.safetensors";
          }
        },
        "model-00001-of-00002.safetensors");
    put_weights(
        [&](std::vector<NamedTensor>& tensors) {
          tensors.erase(tensors.begin(), tensors.begin() + 10);
          for (const NamedTensor& named : tensors) {
            map[named.name] = "model-00002-of-00002.safetensors";
          }
        },
        "model-00002-of-00002.safetensors");
    put_index(map);
  }

  void put_index(const Json& map) { put("model.safetensors.index.json", Json{{"weight_map", map}}.dump()); }

  template <class... Parts>
  void refused(ErrorCode code, const Parts&... parts) {
    expect_error(
        code, [&] { Checkpoint::open(dir()); }, dir().string(), parts...);
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointTest, ReadsAGoodFolder) {
  const Checkpoint first = Checkpoint::open(dir());
  EXPECT_EQ(first.labels(), (std::vector<std::string>{"low", "middle", "high"}));
  EXPECT_EQ(first.problem_type(), ProblemType::kSingleLabelClassification);
  EXPECT_EQ(first.dtype(), DType::kF32);
  EXPECT_EQ(first.max_length(), 20);
  EXPECT_TRUE(first.has_head());
  EXPECT_FALSE(first.random_weights());
  EXPECT_EQ(first.weight_bytes(), 4 * parameter_count(first.network()));
  const Weight& words = first.network().embeddings.words;
  EXPECT_EQ(first.values(words), tiny_weights(first.network()).storage.front());
  EXPECT_EQ(first.tensor(words).shape, words.shape);
  expect_error(
      ErrorCode::kInternal,
      [&] {
        first.tensor({"none", {1}});
      },
      "none");
}

TEST_F(CheckpointTest, TheWeightsSurviveAMove) {
  Checkpoint first = Checkpoint::open(dir());
  const std::vector<float> values = first.values(first.network().embeddings.words);
  const Checkpoint second = std::move(first);
  EXPECT_EQ(second.values(second.network().embeddings.words), values);
}

TEST_F(CheckpointTest, ReadsShardsAsOneFile) {
  const Checkpoint whole = Checkpoint::open(dir());
  TinyWeights expected = tiny_weights(whole.network());
  put_shards();
  const Checkpoint sharded = Checkpoint::open(dir());
  std::size_t i = 0;
  for_each_weight(sharded.network(), [&](const Weight& weight) {
    EXPECT_EQ(sharded.values(weight), expected.storage[i++]) << weight.name;
  });
}

TEST_F(CheckpointTest, NamesAMissingFolderOrFile) {
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir() / "none"); }, "no such folder");
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir() / "config.json"); }, "this is a file");
  fs::remove(dir() / "model.safetensors");
  refused(ErrorCode::kNotFound, "no weights, model.safetensors or pytorch_model.bin was expected");
  put("tf_model.h5", "\x89HDF");
  refused(ErrorCode::kNotFound, "There is tf_model.h5", "save it by model.save_pretrained(folder)");
  fs::remove(dir() / "config.json");
  refused(ErrorCode::kNotFound, "no config.json");
}

TEST_F(CheckpointTest, RefusesDamagedWeights) {
  const std::string good = read_file(dir() / "model.safetensors", kAnySize);
  put("model.safetensors", good.substr(0, good.size() - 100));
  refused(ErrorCode::kCorruptData, "model.safetensors: tensor classifier", "Is the file truncated?");
  put("model.safetensors", good.substr(0, 50));
  refused(ErrorCode::kCorruptData, "Is the file truncated?");
  put("model.safetensors", "");
  refused(ErrorCode::kCorruptData, "0 bytes are too few");
  put("model.safetensors", good + "x");
  refused(ErrorCode::kCorruptData, "the last 1 bytes belong to no tensor");
}

TEST_F(CheckpointTest, NamesAWeightThatIsMissingOrWrong) {
  put_weights([](auto& tensors) { tensors[0].name = "roberta.embeddings.word_embedding.weight"; });
  refused(ErrorCode::kNotFound, "no tensor roberta.embeddings.word_embeddings.weight",
          "nearest name is roberta.embeddings.word_embedding.weight");
  put_weights([](auto& tensors) { tensors[3].tensor.shape = {12, 2}; });
  refused(ErrorCode::kCorruptData, "tensor roberta.embeddings.LayerNorm.weight", "[12, 2], config.json asks for [24]");
  put_weights([](auto& tensors) { tensors[3].tensor.dtype = DType::kI32; });
  refused(ErrorCode::kUnsupported, "it holds I32");
}

TEST_F(CheckpointTest, RefusesAConfigThatContradictsTheWeights) {
  put_config("vocab_size", 60);
  refused(ErrorCode::kCorruptData, "word_embeddings.weight", "its shape is [50, 24], config.json asks for [60, 24]",
          "\"vocab_size\" is 60. Is it the config.json of these weights?");
  put_config("num_hidden_layers", 3);
  refused(ErrorCode::kNotFound, "no tensor roberta.encoder.layer.2.attention.self.query.weight");
  put_config("id2label", {{"0", "a"}, {"1", "b"}});
  refused(ErrorCode::kCorruptData, "classifier.out_proj.weight", "config.json asks for [2, 24]");
}

TEST_F(CheckpointTest, RefusesABadConfig) {
  put_config("model_type", "robert");
  refused(ErrorCode::kUnsupported, "config.json", "Did you mean \"roberta\"?");
  put_config("problem_type", "single_label");
  refused(ErrorCode::kCorruptData, "\"single_label\"", "Known: single_label_classification,");
  put("config.json", "{\"model_type\": \"roberta\"");
  refused(ErrorCode::kCorruptData, "config.json", "truncated");
  put("config.json", "[]");
  refused(ErrorCode::kCorruptData, "JSON object");
}

TEST_F(CheckpointTest, InfersTheProblemType) {
  put_config("problem_type", "multi_label_classification");
  EXPECT_EQ(Checkpoint::open(dir()).problem_type(), ProblemType::kMultiLabelClassification);
  Json config = tiny_config();
  config["id2label"] = {{"0", "stars"}};
  write_tiny_checkpoint(dir(), config);
  EXPECT_EQ(Checkpoint::open(dir()).problem_type(), ProblemType::kRegression);
}

TEST_F(CheckpointTest, AnEncoderHasNoLabels) {
  Json config = tiny_config();
  config["architectures"] = {"RobertaModel"};
  config["paceline_random_weights"] = true;
  write_tiny_checkpoint(dir(), config);
  const Checkpoint checkpoint = Checkpoint::open(dir());
  EXPECT_FALSE(checkpoint.has_head());
  EXPECT_TRUE(checkpoint.labels().empty());
  EXPECT_EQ(checkpoint.network().outputs, 24);
  EXPECT_TRUE(checkpoint.random_weights());
}

TEST_F(CheckpointTest, TheTokenizersLimitCountsWhereItIsSmaller) {
  const auto limited = [&](const char* tokenizer_config) {
    put("tokenizer_config.json", tokenizer_config);
    EXPECT_EQ(read_checkpoint_config(dir()).max_length, Checkpoint::open(dir()).max_length());
    return read_checkpoint_config(dir()).max_length;
  };
  EXPECT_EQ(limited(R"({"model_max_length": 16})"), 16);
  EXPECT_EQ(limited(R"({"model_max_length": 512})"), 20);
  EXPECT_EQ(limited(R"({"model_max_length": 1000000000000000019884624838656})"), 20);
  EXPECT_EQ(limited(R"({"max_len": 16})"), 16);
  EXPECT_EQ(limited(R"({"max_len": 16, "model_max_length": 18})"), 18);
  EXPECT_EQ(limited("{}"), 20);
  for (const char* bad : {R"({"model_max_length": 0})", R"({"model_max_length": "16"})", "[]", "{"}) {
    put("tokenizer_config.json", bad);
    refused(ErrorCode::kCorruptData, "tokenizer_config.json");
  }
}

TEST_F(CheckpointTest, TheConfigNeedsNoWeights) {
  fs::remove(dir() / "model.safetensors");
  put_config("type_vocab_size", 2);
  EXPECT_EQ(read_checkpoint_config(dir()).max_length, 20);
  EXPECT_FALSE(read_checkpoint_config(dir()).token_types.handed_out) << "RoBERTa's tokenizer hands out none";
  EXPECT_EQ(read_checkpoint_config(dir()).network.token_types, 1);
  EXPECT_EQ(read_checkpoint_config(dir(), {.token_types = TokenTypes::kYes}).network.token_types, 2);
}

TEST_F(CheckpointTest, NamesAMissingShard) {
  put_shards();
  fs::remove(dir() / "model-00002-of-00002.safetensors");
  refused(ErrorCode::kNotFound, "the shard model-00002-of-00002.safetensors is missing");
}

TEST_F(CheckpointTest, RefusesAnIndexThatContradictsItsShards) {
  put_shards();
  const Json index = read_json_file(dir() / "model.safetensors.index.json");
  Json map = index.at("weight_map");
  map["extra.weight"] = "model-00001-of-00002.safetensors";
  put_index(map);
  refused(ErrorCode::kCorruptData, "extra.weight is not in model-00001-of-00002.safetensors");
  map = index.at("weight_map");
  map["classifier.dense.weight"] = "model-00001-of-00002.safetensors";
  put_index(map);
  refused(ErrorCode::kCorruptData, "classifier.dense.weight is not in model-00001-of-00002.safetensors");
  put_index(index.at("weight_map"));
  put_weights([](auto&) {}, "model-00002-of-00002.safetensors");
  refused(ErrorCode::kCorruptData, "is in another shard too");
}

TEST_F(CheckpointTest, RefusesAnIndexThatLeadsElsewhere) {
  fs::remove(dir() / "model.safetensors");
  for (const char* name : {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "model.bin"}) {
    put_index({{"classifier.dense.weight", name}});
    refused(ErrorCode::kCorruptData, "in the same folder");
  }
  put_index({{"a", 3}});
  refused(ErrorCode::kCorruptData, "shard of tensor a");
  for (const char* bad : {"[]", "{}", R"({"weight_map": []})", R"({"weight_map": {}})"}) {
    put("model.safetensors.index.json", bad);
    refused(ErrorCode::kCorruptData, "weight_map");
  }
}

TEST_F(CheckpointTest, TheMainDtypeIsThatOfMostWeights) {
  TinyWeights weights = tiny_weights(describe_network(tiny_config(), {}, "tiny"));
  std::vector<std::vector<uint16_t>> halves;
  for (std::size_t i = 0; i < weights.tensors.size(); ++i) {
    TensorView& tensor = weights.tensors[i].tensor;
    if (tensor.shape.size() == 2) {
      auto& half = halves.emplace_back(static_cast<std::size_t>(tensor.elements()), uint16_t{0x3F80});
      tensor.bytes = std::as_bytes(std::span(half));
      tensor.dtype = DType::kBF16;
    }
  }
  write_safetensors(dir() / "model.safetensors", weights.tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir());
  EXPECT_EQ(checkpoint.dtype(), DType::kBF16);
  EXPECT_EQ(checkpoint.values(checkpoint.network().embeddings.words), std::vector<float>(50 * 24, 1.0f));
}

TEST_F(CheckpointTest, TheHashFollowsTheContent) {
  const fs::path cache = dir() / "cache";
  const auto hash = [&] { return Checkpoint::open(dir()).hash(cache); };
  const std::string first = hash();
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(hash(), first);
  put("tokenizer.json", "{}");
  const std::string second = hash();
  EXPECT_NE(second, first);
  put_config("paceline_random_weights", true);
  EXPECT_NE(hash(), second);
  put("config.json", tiny_config().dump(1));
  EXPECT_EQ(hash(), second);
  put_weights([](auto& tensors) { std::swap(tensors[0], tensors[1]); });
  EXPECT_NE(hash(), second);
}

TEST_F(CheckpointTest, TheHashOfOldFilesIsRemembered) {
  const fs::path cache = dir() / "cache";
  const Checkpoint checkpoint = Checkpoint::open(dir());
  fs::last_write_time(dir() / "config.json", fs::file_time_type::clock::now() + std::chrono::hours(1));
  const std::string first = checkpoint.hash(cache);
  EXPECT_FALSE(fs::exists(cache)) << "a file that was just changed may change again unseen";
  fs::last_write_time(dir() / "config.json", fs::file_time_type::clock::now() - std::chrono::hours(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  EXPECT_EQ(checkpoint.hash(cache), first);
  const fs::path memory = fs::directory_iterator(cache / "hashes")->path();
  Json remembered = read_json_file(memory);
  remembered["hash"] = "from memory";
  write_file_atomically(memory, remembered.dump());
  EXPECT_EQ(checkpoint.hash(cache), "from memory");
  const auto time = fs::last_write_time(dir() / "model.safetensors");
  fs::last_write_time(dir() / "model.safetensors", time);  // as after writing in place, with the old time set again
  EXPECT_EQ(checkpoint.hash(cache), first);
  write_file_atomically(memory, "damaged");
  EXPECT_EQ(checkpoint.hash(cache), first);
  EXPECT_EQ(checkpoint.hash("/dev/null/cache"), first);
}

TEST_F(CheckpointTest, AFileRewrittenWithItsOldTimeIsHashedAgain) {
  const fs::path cache = dir() / "cache";
  const fs::path weights = dir() / "model.safetensors";
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // until a hash of these files is remembered
  const std::string first = Checkpoint::open(dir()).hash(cache);
  EXPECT_TRUE(fs::exists(cache));
  const fs::file_time_type time = fs::last_write_time(weights);
  std::string content = read_file(weights, kAnySize);
  content.back() ^= 1;
  std::ofstream(weights, std::ios::binary | std::ios::in | std::ios::out) << content;
  fs::last_write_time(weights, time);
  EXPECT_NE(Checkpoint::open(dir()).hash(cache), first);
}

TEST_F(CheckpointTest, TensorsThatNothingUsesAreNamed) {
  EXPECT_TRUE(Checkpoint::open(dir()).notices().empty());
  put_weights([](std::vector<NamedTensor>& tensors) {
    for (const char* name : {"roberta.pooler.dense.weight", "roberta.embeddings.position_ids", "lm_head.bias"}) {
      tensors.push_back({name, tensors[0].tensor});
    }
  });
  EXPECT_TRUE(Checkpoint::open(dir()).notices().empty());
  EXPECT_EQ(Checkpoint::open(dir()).unused_tensors(), 3);
  put_weights([](std::vector<NamedTensor>& tensors) {
    for (const char* name : {"a", "b", "c", "d", "e", "roberta.pooler.dense.weight"}) {
      tensors.push_back({name, tensors[0].tensor});
    }
  });
  EXPECT_EQ(Checkpoint::open(dir()).notices(),
            (std::vector<std::string>{
                "model.safetensors has tensors that the model of config.json does not use: a, b, c, d and 1 more"}));
}

TEST_F(CheckpointTest, KnownPrefixesNeedNoFlag) {
  put_weights([](std::vector<NamedTensor>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const char* const prefixes[] = {"module.", "_orig_mod.", "model.", "", "module._orig_mod.model."};
      tensors[i].name = prefixes[i % std::size(prefixes)] + tensors[i].name;
    }
  });
  const Checkpoint checkpoint = Checkpoint::open(dir());
  const TinyWeights expected = tiny_weights(checkpoint.network());
  std::size_t i = 0;
  for_each_weight(checkpoint.network(), [&](const Weight& weight) {
    EXPECT_EQ(checkpoint.values(weight), expected.storage[i++]) << weight.name;
  });
}

/// What transformers wrote into testdata/models is what we read out of it.
struct SavedModel {
  const char* name;
  DType dtype;
  ProblemType problem_type;
  int32_t outputs;
  int32_t max_length;
};

TEST(SavedModels, AreReadAsTransformersWroteThem) {
  constexpr SavedModel kModels[] = {
      {"roberta-fp32", DType::kF32, ProblemType::kSingleLabelClassification, 3, 64},
      {"camembert-odd-sizes", DType::kF32, ProblemType::kSingleLabelClassification, 5, 48},
      {"roberta-fp16", DType::kF16, ProblemType::kSingleLabelClassification, 2, 64},
      {"roberta-bf16", DType::kBF16, ProblemType::kSingleLabelClassification, 4, 64},
      {"roberta-sharded", DType::kF32, ProblemType::kSingleLabelClassification, 3, 64},
      {"camembert-multi-label", DType::kF32, ProblemType::kMultiLabelClassification, 4, 64},
      {"roberta-regression", DType::kF32, ProblemType::kRegression, 1, 64},
      {"roberta-encoder", DType::kF32, ProblemType::kSingleLabelClassification, 32, 64},
      {"bert-fp32", DType::kF32, ProblemType::kSingleLabelClassification, 3, 66},
      {"bert-encoder", DType::kF32, ProblemType::kSingleLabelClassification, 40, 66},
  };
  for (const SavedModel& model : kModels) {
    SCOPED_TRACE(model.name);
    const Checkpoint checkpoint = Checkpoint::open(fs::path(PACELINE_TESTDATA) / "models" / model.name);
    EXPECT_EQ(checkpoint.dtype(), model.dtype);
    EXPECT_EQ(checkpoint.problem_type(), model.problem_type);
    EXPECT_EQ(checkpoint.network().outputs, model.outputs);
    EXPECT_EQ(checkpoint.max_length(), model.max_length);
    EXPECT_EQ(checkpoint.has_head(), !std::string_view(model.name).ends_with("-encoder"));
  }
}

}  // namespace
}  // namespace paceline
