#include "network/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "network/testing/family_config.h"
#include "paceline/error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

/// testdata/config_keys.json: by version, then by model_type ("every": what all of them have).
Json keys_of_transformers() { return read_json_file(fs::path(PACELINE_TESTDATA) / "config_keys.json"); }

/// The config.json of every tiny model of this model_type.
std::vector<Json> configs_of(std::string_view model_type) {
  std::vector<Json> configs;
  for (const char* kind : {"families", "models"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(PACELINE_TESTDATA) / kind)) {
      const fs::path file = entry.path() / "config.json";
      if (!fs::exists(file)) continue;
      if (Json config = read_json_file(file); config["model_type"] == model_type) configs.push_back(config);
    }
  }
  return configs;
}

/// A value that no key may have.
const Json kAbsurd = {{"x", 1}};

/// By one of the versions.
bool refused(Json config, std::string_view key) {
  for (const char* version : {"4.57.1", "5.24.0"}) {
    config["transformers_version"] = version;
    config[std::string(key)] = kAbsurd;
    try {
      describe(config);
    } catch (const Error&) {
      return true;
    }
  }
  return false;
}

TEST(ConfigKeys, KnowEveryKeyThatTransformersWrites) {
  const Json versions = keys_of_transformers();
  EXPECT_EQ(versions.size(), 2U);
  for (const auto& [version, models] : versions.items()) {
    EXPECT_EQ(models.size(), known_config_keys().size() + 1);
    for (const ConfigKeys& keys : known_config_keys()) {
      SCOPED_TRACE(version + " " + std::string(keys.model_type));
      Json config;
      for (const Json* from : {&models["every"], &models[std::string(keys.model_type)]}) {
        for (const auto& [key, value] : (*from)["keys"].items()) config[key] = 1;
        for (const auto& [alias, key] : (*from)["aliases"].items()) config[alias] = 1;
      }
      // Another name of global_rope_theta in version 4, which its own default then overwrites.
      config.erase("rope_theta");
      EXPECT_GT(config.size(), 80U);
      EXPECT_THAT(unknown_keys(config, keys.model_type), IsEmpty());
    }
  }
}

TEST(ConfigKeys, AreThoseOfEveryArchitecture) {
  std::vector<std::string> model_types;
  for (const ConfigKeys& keys : known_config_keys()) model_types.emplace_back(keys.model_type);
  EXPECT_THAT(model_types, UnorderedElementsAreArray(known_architectures()));
}

TEST(ConfigKeys, HaveTheAliasesOfTransformers) {
  const Json versions = keys_of_transformers();
  for (const auto& [version, models] : versions.items()) {
    for (const ConfigKeys& keys : known_config_keys()) {
      Json expected = models[std::string(keys.model_type)]["aliases"];
      // These name no size of the network.
      for (const char* other : {"rope_theta", "bos_index", "eos_index", "pad_index"}) expected.erase(other);
      Json ours = Json::object();
      for (const KeyAlias& alias : keys.aliases) ours[std::string(alias.alias)] = std::string(alias.key);
      EXPECT_EQ(ours, expected) << version << " " << keys.model_type;
    }
  }
}

TEST(ConfigKeys, AreReadWhereTheTableSaysSo) {
  for (const ConfigKeys& keys : known_config_keys()) {
    const std::vector<Json> configs = configs_of(keys.model_type);
    ASSERT_FALSE(configs.empty()) << keys.model_type;
    for (const auto& names : {keys.shared, keys.read, keys_read_of_every_model()}) {
      for (const std::string_view name : names) {
        EXPECT_TRUE(std::any_of(configs.begin(), configs.end(), [&](const Json& one) { return refused(one, name); }))
            << keys.model_type << ": " << name << " is not read";
      }
    }
  }
}

TEST(ConfigKeys, HaveNoEffectWhereTheTableSaysSo) {
  for (const ConfigKeys& keys : known_config_keys()) {
    for (Json config : configs_of(keys.model_type)) {
      for (const auto& names : {keys.without_effect, keys_without_effect()}) {
        for (const std::string_view name : names) config[std::string(name)] = kAbsurd;
      }
      EXPECT_NO_THROW(describe(config)) << keys.model_type;
    }
  }
}

TEST(ConfigKeys, AreInOneTableEach) {
  for (const ConfigKeys& keys : known_config_keys()) {
    std::multiset<std::string_view> all;
    for (const auto& names : {keys.shared, keys.read, keys.without_effect, keys_read_of_every_model(),
                              keys_read_elsewhere(), keys_without_effect()}) {
      all.insert(names.begin(), names.end());
    }
    for (const KeyAlias& alias : keys.aliases) all.insert(alias.alias);
    for (const std::string_view name : all) EXPECT_EQ(all.count(name), 1U) << keys.model_type << ": " << name;
  }
}

TEST(ConfigKeys, ThatAreUnknownAreNamed) {
  EXPECT_THAT(unknown_keys({{"my_note", 1}, {"nothing", nullptr}, {"vocab_size", 3}, {"zeta", {}}}, "bert"),
              ElementsAre("my_note"));
  EXPECT_THAT(unknown_keys({{"type_vocab_size", 2}, {"pre_norm", true}}, "xlm"),
              ElementsAre("pre_norm", "type_vocab_size"));
  EXPECT_THAT(unknown_keys({{"my_note", 1}}, "t5"), IsEmpty());
}

TEST(ConfigKeys, ReadAnAliasInPlaceOfItsKey) {
  EXPECT_EQ(describe(family_config("distilbert-plain", {{"hidden_size", 16}, {"num_hidden_layers", 5}})).layers.size(),
            5U);
  EXPECT_EQ(describe(family_config("gpt2-plain", {{"max_position_embeddings", 33}})).max_tokens, 33);
  EXPECT_EQ(describe(family_config("xlm-plain", {{"n_words", 70}})).vocab_size, 70);
  EXPECT_EQ(describe(family_config("xlnet-plain", {{"n_token", 71}, {"hidden_size", nullptr}})).vocab_size, 71);
  // BERT has no other names.
  EXPECT_EQ(describe(family_config("bert-mish-odd", {{"dim", 64}})).hidden_size, 33);
}

std::vector<std::string> notices_of(const Json& config, const std::set<std::string>& tensors = {}) {
  return config_notices(config, describe(config, tensors), "config.json");
}

TEST(ConfigNotices, AreSilentAboutWhatTransformersWrites) {
  for (const ConfigKeys& keys : known_config_keys()) {
    for (const Json& config : configs_of(keys.model_type)) {
      EXPECT_THAT(notices_of(config), IsEmpty()) << config.dump();
    }
  }
}

TEST(ConfigNotices, NameWhatNothingReads) {
  Json changes = {{"auto_map", {{"AutoModel", "mine.Model"}}}};
  for (const char* name : {"k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"}) changes[name] = 1;
  const std::vector<std::string> notices = notices_of(family_config("bert-relu-one-type", changes));
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_THAT(notices[0],
              HasSubstr("of bert has, and that change nothing: \"k1\", \"k2\", \"k3\", \"k4\", \"k5\", \"k6\""));
  EXPECT_THAT(notices[0], HasSubstr(" and 2 more"));
  EXPECT_THAT(notices[1], HasSubstr("\"auto_map\""));
}

TEST(ConfigNotices, SayThatAHeadIsNotNamed) {
  const Json masked = family_config("bert-relu-one-type", {{"architectures", {"BertForMaskedLM"}}});
  EXPECT_TRUE(describe(masked, {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias"}).head.empty());
  const std::set<std::string> tensors = {"bert.embeddings.word_embeddings.weight", "classifier.weight"};
  EXPECT_EQ(describe(masked, tensors).outputs, 2);
  EXPECT_THAT(notices_of(masked, tensors), ElementsAre(HasSubstr("names the class BertForMaskedLM, but the weights")));
}

TEST(DescribeNetwork, SaysWhichModelTypeToAdd) {
  const auto missing = [](const char* name, const std::set<std::string>& tensors, const std::string& part) {
    Json config = {{"hidden_size", 3}};
    if (*name != '\0') config["architectures"] = {name};
    expect_error(
        ErrorCode::kCorruptData, [&] { describe(config, tensors); }, "[config.json] \"model_type\" is missing. Add",
        part);
  };
  missing("BertForSequenceClassification", {}, "Add \"model_type\": \"bert\", to which");
  missing("XLMRobertaForMaskedLM", {}, "\"model_type\": \"xlm-roberta\"");
  missing("XLMWithLMHeadModel", {}, "\"model_type\": \"xlm\"");
  missing("CamembertModel", {"bert.embeddings"}, "\"model_type\": \"camembert\"");
  missing("", {"distilbert.transformer.layer.0.ffn.lin1.weight"}, "\"model_type\": \"distilbert\", to which the names");
  missing("MyOwnClass", {"roberta.x", "z"},
          "\"model_type\": \"roberta\" or \"camembert\" or \"xlm-roberta\", to which");
  missing("", {"model.layers.0.attn.Wqkv.weight"}, "\"modernbert\"");
  missing("", {"x"}, "known are bert, roberta,");
}

}  // namespace
}  // namespace paceline
