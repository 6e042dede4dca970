#include "checkpoint/token_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/testing/expect_error.h"
#include "base/token_types_name.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using testing::HasSubstr;

HandedOutTypes find(const Json& config, const Json& tokenizer_config) {
  return find_handed_out_types(config, tokenizer_config, "tokenizer_config.json");
}

Json config_of(int version, const std::string& model_type = "bert") {
  return {{"transformers_version", std::to_string(version) + ".1.0"}, {"model_type", model_type}};
}

Network network_of(WithoutTypes without) {
  Network network;
  network.architecture = "xlnet";
  network.token_types = 2;
  network.without_types = without;
  network.embeddings.token_types = {"types", {2, 4}};
  network.blocks.resize(1);
  network.blocks.front().attention.segments = {"segments", {2, 1, 4}};
  return network;
}

TEST(TokenTypes, EveryClassHandsOutWhatItDoesInTransformers) {
  for (const int version : {4, 5}) {
    const Json golden = read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "token_types" /
                                       ("classes-" + std::to_string(version) + ".json"));
    ASSERT_GT(golden.at("classes").size(), 90U);
    for (const auto& [name, handed_out] : golden.at("classes").items()) {
      Json tokenizer_config{{"tokenizer_class", name}};
      if (version == 5) tokenizer_config["backend"] = "tokenizers";  // else a class of 4's name would be read as 4's
      EXPECT_EQ(find(config_of(version), tokenizer_config).handed_out, handed_out.get<bool>())
          << name << " of version " << version;
    }
    for (const auto& [name, handed_out] : golden.at("model_types").items()) {
      EXPECT_EQ(find(config_of(version, name), Json::object()).handed_out, handed_out.get<bool>())
          << name << " of version " << version;
    }
  }
}

TEST(TokenTypes, NamesAreBeforeTheClassAndFastIsTheSameClass) {
  const auto named = [](const Json& names, const char* tokenizer_class) {
    return find(config_of(4), {{"model_input_names", names}, {"tokenizer_class", tokenizer_class}}).handed_out;
  };
  EXPECT_TRUE(named({"input_ids", "token_type_ids"}, "RobertaTokenizer"));
  EXPECT_FALSE(named({"input_ids", "attention_mask"}, "BertTokenizer"));
  EXPECT_FALSE(named(Json::array(), "BertTokenizer"));
  EXPECT_TRUE(named(nullptr, "BertTokenizerFast"));
  EXPECT_FALSE(named(nullptr, "RobertaTokenizerFast"));
  Json config = config_of(4);
  config["tokenizer_class"] = "RobertaTokenizer";
  EXPECT_FALSE(find(config, Json::object()).handed_out) << "config.json names a class, too";
  EXPECT_TRUE(find(config, {{"tokenizer_class", "BertTokenizer"}}).handed_out);
  expect_error(
      ErrorCode::kCorruptData, [&] { named(3, "BertTokenizer"); },
      "[tokenizer_config.json] \"model_input_names\" is 3, a list of names was expected");
}

TEST(TokenTypes, SaysWhatAFolderOfFiveLost) {
  const auto lost = [](int version, const char* model_type, const char* name) {
    return find(config_of(version, model_type), {{"tokenizer_class", name}}).lost;
  };
  EXPECT_TRUE(lost(5, "albert", "AlbertTokenizer"));
  EXPECT_TRUE(lost(5, "bert", "TokenizersBackend"));
  EXPECT_FALSE(lost(5, "bert", "BertTokenizer"));
  EXPECT_FALSE(lost(5, "roberta", "TokenizersBackend"));
  EXPECT_FALSE(lost(5, "roberta", "RobertaTokenizer"));
  EXPECT_FALSE(lost(4, "roberta", "RobertaTokenizer"));
  EXPECT_FALSE(find(config_of(5), {{"model_input_names", {"input_ids"}}}).lost) << "somebody chose it";
}

TEST(TokenTypes, WithoutThemANetworkIsWhatItsCodeMakesOfThat) {
  const HandedOutTypes none{.handed_out = false, .reason = "X of transformers 5", .lost = true};
  Network first = network_of(WithoutTypes::kFirst);
  const TokenTypeUse use = apply_token_types(TokenTypes::kAsSaved, none, first);
  EXPECT_TRUE(use.read);
  EXPECT_FALSE(use.handed_out);
  EXPECT_THAT(use.notice, HasSubstr("the answers to pairs"));
  EXPECT_EQ(first.token_types, 1);
  EXPECT_TRUE(first.embeddings.token_types.exists()) << "type 0 for every token";
  Network nothing = network_of(WithoutTypes::kNothing);
  EXPECT_THAT(apply_token_types(TokenTypes::kAsSaved, none, nothing).notice, HasSubstr(": the answers of"));
  EXPECT_EQ(nothing.token_types, 1);
  EXPECT_FALSE(nothing.embeddings.token_types.exists());
  EXPECT_FALSE(nothing.blocks.front().attention.segments.exists());
}

TEST(TokenTypes, TheFlagIsBeforeTheFolder) {
  const HandedOutTypes none{.handed_out = false, .reason = "X of transformers 5", .lost = true};
  const HandedOutTypes all{.handed_out = true, .reason = "X of transformers 4", .lost = false};
  Network yes = network_of(WithoutTypes::kFirst);
  const TokenTypeUse forced = apply_token_types(TokenTypes::kYes, none, yes);
  EXPECT_TRUE(forced.handed_out);
  EXPECT_EQ(forced.reason, "--token-types yes");
  EXPECT_EQ(forced.notice, "");
  EXPECT_EQ(yes.token_types, 2);
  Network no = network_of(WithoutTypes::kFirst);
  EXPECT_FALSE(apply_token_types(TokenTypes::kNo, all, no).handed_out);
  EXPECT_EQ(no.token_types, 1);
  EXPECT_FALSE(apply_token_types(TokenTypes::kNo, all, no).read) << "one type is none to tell apart";
  expect_error(
      ErrorCode::kInvalidArgument, [&] { apply_token_types(TokenTypes::kYes, all, no); }, "[--token-types] yes");
}

TEST(TokenTypes, ATableOfOneTypeKnowsTheFirstAlone) {
  const HandedOutTypes all{.handed_out = true, .reason = "X of transformers 4", .lost = false};
  const HandedOutTypes none{.handed_out = false, .reason = "X of transformers 5", .lost = false};
  const auto known = [](TokenTypes asked, const HandedOutTypes& saved, int32_t types) {
    Network network = network_of(WithoutTypes::kFirst);
    network.token_types = types;
    return apply_token_types(asked, saved, network).known;
  };
  EXPECT_EQ(known(TokenTypes::kAsSaved, all, 1), 1);
  EXPECT_EQ(known(TokenTypes::kAsSaved, all, 2), 2);
  EXPECT_EQ(known(TokenTypes::kYes, none, 2), 2);
  EXPECT_EQ(known(TokenTypes::kAsSaved, none, 1), 0) << "none reaches the model";
  EXPECT_EQ(known(TokenTypes::kNo, all, 1), 0);
  EXPECT_EQ(known(TokenTypes::kNo, all, 2), 0);
  Network without_table = network_of(WithoutTypes::kFirst);
  without_table.token_types = 1;
  without_table.embeddings.token_types = {};
  EXPECT_EQ(apply_token_types(TokenTypes::kAsSaved, all, without_table).known, 0);
}

TEST(TokenTypes, NamesComeBack) {
  for (const TokenTypes types : {TokenTypes::kAsSaved, TokenTypes::kYes, TokenTypes::kNo}) {
    EXPECT_EQ(parse_token_types(token_types_name(types), "plan.json"), types);
  }
  expect_error(
      ErrorCode::kCorruptData, [] { parse_token_types("ja", "plan.json"); }, "[plan.json] \"token_types\" is \"ja\"");
}

}  // namespace
}  // namespace paceline
