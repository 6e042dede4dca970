#include "checkpoint/adapter.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

const fs::path kAdapters = fs::path(PACELINE_TESTDATA) / "adapters";

Json golden_of(const std::string& name) { return read_json_file(kAdapters / name / "golden.json"); }

fs::path base_of(const std::string& name) {
  return fs::path(PACELINE_TESTDATA) / json_string(golden_of(name), "base", name);
}

/// The values of what merge_and_unload() changed, under the names that the base has.
void expect_merged(const Checkpoint& checkpoint, const fs::path& merged) {
  const WeightFile file = WeightFile::open(merged);
  std::size_t compared = 0;
  for_each_weight(checkpoint.network(), [&](const Weight& weight) {
    for (const NamedTensor& named : file.tensors()) {
      if (named.name != weight.name && !named.name.ends_with("." + weight.name)) continue;
      SCOPED_TRACE(named.name);
      ASSERT_EQ(named.tensor.shape, weight.shape);
      std::vector<float> expected(static_cast<std::size_t>(named.tensor.elements()));
      convert_to_float(named.tensor, 0, expected);
      const std::vector<float> values = checkpoint.values(weight);
      for (std::size_t i = 0; i < values.size(); ++i) {
        // Sums of a few products of numbers up to some ten, in another order.
        ASSERT_NEAR(values[i], expected[i], 4e-6) << i;
      }
      ++compared;
    }
  });
  EXPECT_EQ(compared, file.tensors().size());
}

TEST(Adapters, AreMergedAsPeftMergesThem) {
  for (const char* name :
       {"bert-plain", "bert-patterns", "bert-one-layer", "bert-dora-bias", "bert-lora-bias", "roberta-all-linear",
        "roberta-pattern", "roberta-embeddings", "gpt2-square", "gpt2-dora", "modernbert-joined"}) {
    SCOPED_TRACE(name);
    const Checkpoint checkpoint = Checkpoint::open(kAdapters / name, {.base = base_of(name)});
    expect_merged(checkpoint, kAdapters / name / "merged.safetensors");
    EXPECT_EQ(static_cast<int64_t>(checkpoint.labels().size()), json_integer(golden_of(name), "labels", name, 1, 1000));
    EXPECT_EQ(checkpoint.unused_tensors(), 0);
    ASSERT_FALSE(checkpoint.notices().empty());
    EXPECT_NE(checkpoint.notices().front().find("is merged into the weights of"), std::string::npos);
    EXPECT_EQ(checkpoint.options().base, fs::absolute(base_of(name)).lexically_normal());
  }
}

TEST(Adapters, GiveAnEncoderItsHead) {
  const Checkpoint checkpoint =
      Checkpoint::open(kAdapters / "roberta-embeddings", {.base = base_of("roberta-embeddings")});
  EXPECT_EQ(checkpoint.labels(), (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"}));
  EXPECT_NE(checkpoint.notices().back().find("has 5 labels"), std::string::npos);
}

/// Copies of the tiny BERT and of an adapter for it, for each test to put where it wants them.
class AdapterTest : public testing::Test {
 protected:
  const fs::path& dir() const { return folder_.path(); }

  void put_base(const fs::path& where) {
    fs::create_directories(where);
    for (const fs::directory_entry& entry : fs::directory_iterator(base_of("bert-plain"))) {
      fs::copy_file(entry.path(), where / entry.path().filename());
    }
  }

  void put_adapter(const fs::path& where, const std::string& base = "") {
    fs::create_directories(where);
    fs::copy_file(kAdapters / "bert-plain" / "adapter_model.safetensors", where / "adapter_model.safetensors");
    fs::copy_file(kAdapters / "bert-plain" / kAdapterConfigFile, where / kAdapterConfigFile);
    change_config(where, "base_model_name_or_path", base);
  }

  void change_config(const fs::path& where, const char* key, const Json& value) {
    Json config = read_json_file(where / kAdapterConfigFile);
    config[key] = value;
    write_file_atomically(where / kAdapterConfigFile, config.dump());
  }

  /// The adapter in the folder with other names for its tensors; "" leaves one out.
  void rename_tensors(FunctionRef<std::string(const std::string&)> rename) {
    const WeightFile file = WeightFile::open(kAdapters / "bert-plain" / "adapter_model.safetensors");
    std::vector<NamedTensor> tensors;
    for (const NamedTensor& named : file.tensors()) {
      if (const std::string name = rename(named.name); !name.empty()) tensors.push_back({name, named.tensor});
    }
    write_safetensors(dir() / "adapter_model.safetensors", tensors);
  }

  template <class... Parts>
  void refused(ErrorCode code, const Parts&... parts) {
    expect_error(
        code, [&] { Checkpoint::open(dir()); }, dir().string(), parts...);
  }

  TemporaryFolder folder_;
};

TEST_F(AdapterTest, BesideItsBaseIsMergedAndPartOfTheHash) {
  put_base(dir());
  const std::string bare = Checkpoint::open(dir()).hash(dir() / "cache");
  put_adapter(dir());
  const Checkpoint checkpoint = Checkpoint::open(dir());
  expect_merged(checkpoint, kAdapters / "bert-plain" / "merged.safetensors");
  EXPECT_EQ(checkpoint.adapter(), "LoRA of rank 4 on 4 modules, with 2 whole tensors");
  EXPECT_TRUE(checkpoint.options().base.empty());
  const std::string merged = checkpoint.hash(dir() / "cache");
  EXPECT_NE(merged, bare);
  change_config(dir(), "lora_alpha", 16);
  EXPECT_NE(Checkpoint::open(dir()).hash(dir() / "cache"), merged);
}

TEST_F(AdapterTest, AloneFindsItsBaseByName) {
  put_base(dir() / "hub" / "models--org--base" / "snapshots" / "abc");
  fs::create_directories(dir() / "hub" / "models--org--base" / "refs");
  write_file_atomically(dir() / "hub" / "models--org--base" / "refs" / "main", "abc");
  put_adapter(dir() / "alone", "org/base");
  ::setenv("HF_HUB_CACHE", (dir() / "hub").c_str(), 1);
  const Checkpoint checkpoint = Checkpoint::open(dir() / "alone");
  expect_merged(checkpoint, kAdapters / "bert-plain" / "merged.safetensors");
  EXPECT_EQ(checkpoint.parts().tokenizer, dir() / "hub" / "models--org--base" / "snapshots" / "abc");
  EXPECT_TRUE(read_checkpoint_config(dir() / "alone").token_types.read);
  change_config(dir() / "alone", "revision", "v2");
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir() / "alone"); }, "hf download org/base --revision v2",
      "--base DIR");
  ::unsetenv("HF_HUB_CACHE");
}

TEST_F(AdapterTest, WithoutABaseSaysHowToGetIt) {
  put_adapter(dir());
  refused(ErrorCode::kNotFound, "names none", "--base DIR");
  change_config(dir(), "base_model_name_or_path", "/nowhere/base");
  refused(ErrorCode::kNotFound, "/nowhere/base", "hf download", "--base DIR");
  // A path that the system does not even look at, as a closed folder of the same name would be.
  change_config(dir(), "base_model_name_or_path", "/" + std::string(300, 'n'));
  refused(ErrorCode::kNotFound, "/nnn", "--base DIR");
  put_base(dir());
  EXPECT_FALSE(Checkpoint::open(dir()).adapter().empty());
}

TEST_F(AdapterTest, BesideWeightsThatAreNotItsBaseIsRefused) {
  put_base(dir() / "base");
  put_base(dir());
  put_adapter(dir(), (dir() / "base").string());
  EXPECT_FALSE(Checkpoint::open(dir()).adapter().empty()) << "the weights are the base's";
  const Checkpoint base = Checkpoint::open(dir() / "base");
  std::vector<NamedTensor> tensors;
  std::vector<float> other(32 * 32, 0.5F);
  for_each_weight(base.network(), [&](const Weight& weight) {
    TensorView view = base.tensor(weight);
    if (weight.name == "bert.encoder.layer.1.attention.self.value.weight") view.bytes = std::as_bytes(std::span(other));
    tensors.push_back({weight.name, view});
  });
  write_safetensors(dir() / "merged.safetensors", tensors);
  fs::rename(dir() / "merged.safetensors", dir() / "model.safetensors");
  refused(ErrorCode::kUnsupported, "may have it in them", "--base DIR", "--weights FILE");
  EXPECT_FALSE(Checkpoint::open(dir(), {.base = dir()}).adapter().empty());
  const Checkpoint own = Checkpoint::open(dir(), {.file = dir() / "model.safetensors"});
  EXPECT_TRUE(own.adapter().empty());
  EXPECT_EQ(own.notices().front(), "the adapter in the folder is left out, since --weights names the weights");
}

TEST_F(AdapterTest, TheHeadSaysHowManyLabelsThereAre) {
  put_base(dir());
  put_adapter(dir());
  Json config = read_json_file(dir() / "config.json");
  config.erase("id2label");
  config.erase("label2id");
  config["num_labels"] = 40;
  write_file_atomically(dir() / "config.json", config.dump());
  EXPECT_EQ(Checkpoint::open(dir()).labels(), (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
}

TEST_F(AdapterTest, KeysOfPatternsAreRegularExpressions) {
  put_base(dir());
  put_adapter(dir());
  const Checkpoint plain = Checkpoint::open(dir());
  change_config(dir(), "alpha_pattern", Json{{"layer\\.[1-9]\\..*(query|key)", 64}});
  const Checkpoint changed = Checkpoint::open(dir());
  for_each_weight(plain.network(), [&](const Weight& weight) {
    const bool matches = weight.name == "bert.encoder.layer.1.attention.self.query.weight";
    EXPECT_EQ(plain.values(weight) != changed.values(weight), matches) << weight.name;
  });
}

TEST_F(AdapterTest, WhatCannotBeMergedIsRefusedByName) {
  put_base(dir());
  put_adapter(dir());
  const auto with = [&](const char* key, const Json& value, const std::string& part) {
    const Json kept = read_json_file(dir() / kAdapterConfigFile).value(key, Json());
    change_config(dir(), key, value);
    SCOPED_TRACE(key);
    try {
      Checkpoint::open(dir());
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    change_config(dir(), key, kept);
  };
  with("peft_type", "IA3", "\"peft_type\" is \"IA3\", an adapter of LoRA was expected. Merge it with PEFT: ");
  with("peft_type", nullptr, "it has no \"peft_type\"");
  with("task_type", "TOKEN_CLS", "\"task_type\" is \"TOKEN_CLS\"");
  with("init_lora_weights", "pissa_niter_16", "\"pissa_niter_16\", which changes the base's weights");
  with("alora_invocation_tokens", {1, 2}, "\"alora_invocation_tokens\" is [1,2]");
  with("of_a_later_version", true, "\"of_a_later_version\" is true, which is not known how to merge");
  with("use_dora", true, "\"use_dora\" is true");
  with("r", 5, "first factor");
  with("rank_pattern", Json{{"(?!query).*", 4}}, "the pattern \"(?!query).*\"");
  with("alpha_pattern", Json{{"query", 4}, {"self.query", 5}}, "Patterns with different values");
  with("target_modules", {"key"}, "\"target_modules\"");
  with("layers_to_transform", {7}, "\"layers_to_transform\"");
  EXPECT_FALSE(Checkpoint::open(dir()).adapter().empty());
}

/// The name with one part in place of another.
std::string with_part(std::string name, const std::string& part, const std::string& other) {
  const std::size_t at = name.find(part);
  return at == std::string::npos ? name : name.replace(at, part.size(), other);
}

TEST_F(AdapterTest, WithoutItsHeadIsRefused) {
  put_base(dir());
  put_adapter(dir());
  const auto headless = [](const std::string& name) {
    return name.find("classifier") == std::string::npos ? name : "";
  };
  rename_tensors(headless);
  refused(ErrorCode::kCorruptData, "no tensor classifier.weight", "\"modules_to_save\"");
  change_config(dir(), "modules_to_save", nullptr);
  refused(ErrorCode::kCorruptData, "no tensor classifier.weight", "\"task_type\"");
  // A base's own head stays where the adapter is none of a classifier.
  change_config(dir(), "task_type", nullptr);
  EXPECT_FALSE(Checkpoint::open(dir()).adapter().empty());
  change_config(dir(), "modules_to_save", {"word_embeddings"});
  refused(ErrorCode::kCorruptData, "no tensor bert.embeddings.word_embeddings.weight", "\"word_embeddings\"");
}

TEST_F(AdapterTest, WithoutTheFactorsOfAModuleIsRefused) {
  put_base(dir());
  put_adapter(dir());
  const std::string module = "layer.0.attention.self.query";
  rename_tensors([&](const std::string& name) { return name.find(module) == std::string::npos ? name : ""; });
  refused(ErrorCode::kCorruptData, "no factors of the module bert.encoder." + module, "\"query\"");
  const auto read_with = [&](const char* key, const Json& value) {
    const Json kept = read_json_file(dir() / kAdapterConfigFile).value(key, Json());
    change_config(dir(), key, value);
    EXPECT_EQ(Checkpoint::open(dir()).adapter(), "LoRA of rank 4 on 3 modules, with 2 whole tensors") << key;
    change_config(dir(), key, kept);
  };
  read_with("exclude_modules", {module});
  read_with("exclude_modules", ".*layer\\.0.*query");
  read_with("target_modules", ".*(query|value)");
  read_with("target_modules", {"1.attention.self.query", "value"});
}

TEST_F(AdapterTest, WithItsNameInItsTensorsIsRead) {
  put_base(dir());
  put_adapter(dir());
  const auto read_as = [&](const std::string& head, const std::string& factors) {
    SCOPED_TRACE(head + factors);
    rename_tensors([&](const std::string& name) {
      std::string changed = with_part(name, "classifier.", "classifier.modules_to_save." + head);
      changed = with_part(changed, "lora_A.", "lora_A." + factors);
      return with_part(changed, "lora_B.", "lora_B." + factors);
    });
    const Checkpoint checkpoint = Checkpoint::open(dir());
    expect_merged(checkpoint, kAdapters / "bert-plain" / "merged.safetensors");
    EXPECT_EQ(checkpoint.unused_tensors(), 0);
  };
  read_as("default.", "");
  read_as("default.", "default.");
  read_as("other.", "other.");
  read_as("", "");
  rename_tensors([&](const std::string& name) {
    return with_part(with_part(name, "0.attention.self.query.lora_A.", "0.attention.self.query.lora_A.one."), "lora_B.",
                     "lora_B.two.");
  });
  refused(ErrorCode::kUnsupported, "several adapters (one, two)");
}

TEST_F(AdapterTest, AnAdapterOfAnotherModelIsRefused) {
  write_tiny_checkpoint(dir());
  put_adapter(dir());
  refused(ErrorCode::kCorruptData, "which the base does not have");
  fs::remove(dir() / "adapter_model.safetensors");
  refused(ErrorCode::kNotFound, "no adapter_model.safetensors");
}

TEST_F(AdapterTest, ABaseIsForAdaptersAlone) {
  put_base(dir());
  expect_error(
      ErrorCode::kInvalidArgument, [&] { Checkpoint::open(dir(), {.base = dir() / "x"}); }, "has no adapter");
  put_adapter(dir());
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] { Checkpoint::open(dir(), {.file = dir() / "model.safetensors", .base = dir()}); }, "--weights names");
  put_adapter(dir() / "second");
  expect_error(
      ErrorCode::kUnsupported, [&] { Checkpoint::open(dir() / "second", {.base = dir()}); },
      "the base has an adapter itself", "merge_and_unload()");
}

TEST_F(AdapterTest, AStateDictThatWasNeverMerged) {
  put_base(dir());
  fs::remove(dir() / "model.safetensors");
  fs::copy_file(kAdapters / "unmerged" / "pytorch_model.bin", dir() / "pytorch_model.bin");
  refused(ErrorCode::kUnsupported, "holds a PEFT model that is not merged", "merge_and_unload()");
  fs::copy_file(kAdapters / "bert-plain" / kAdapterConfigFile, dir() / kAdapterConfigFile);
  const Checkpoint checkpoint = Checkpoint::open(dir());
  expect_merged(checkpoint, kAdapters / "bert-plain" / "merged.safetensors");
  EXPECT_EQ(checkpoint.unused_tensors(), 0);
  fs::copy_file(kAdapters / "bert-plain" / "adapter_model.safetensors", dir() / "adapter_model.safetensors");
  refused(ErrorCode::kUnsupported, "there is adapter_model.safetensors too");
}

TEST(PeftTensors, SeveralAdaptersAndOtherMethodsAreRefused) {
  const std::vector<float> values(4);
  const TensorView tensor{.dtype = DType::kF32, .shape = {2, 2}, .bytes = std::as_bytes(std::span(values))};
  TensorMap tensors{{"a.lora_A.one.weight", tensor}, {"a.lora_B.one.weight", tensor}, {"a.base_layer.weight", tensor}};
  EXPECT_TRUE(is_peft_state_dict(tensors));
  EXPECT_TRUE(sort_peft_tensors(tensors, PeftForm::kStateDict, "w").wrapped.contains("a"));
  tensors.emplace("a.lora_A.two.weight", tensor);
  expect_error(
      ErrorCode::kUnsupported, [&] { sort_peft_tensors(tensors, PeftForm::kStateDict, "w"); }, "several adapters");
  expect_error(
      ErrorCode::kCorruptData,
      [&] {
        sort_peft_tensors({{"a.lora_A.weight", tensor}}, PeftForm::kAdapter, "w");
      },
      "one factor");
  expect_error(
      ErrorCode::kUnsupported,
      [&] {
        sort_peft_tensors({{"a.ia3_l", tensor}}, PeftForm::kAdapter, "w");
      },
      "that is no LoRA");
}

}  // namespace
}  // namespace paceline
