// What the files beside a tokenizer.json change of it, as the fast classes of transformers do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/testing/expect_error.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

Tokenizer load_over(const std::string& name, const Json& patch, const std::map<std::string, Json>& files,
                    int32_t max_length = 0) {
  Json json = read_json_file(kFolder / name / "tokenizer.json");
  json.merge_patch(patch);
  std::map<std::string, std::string> contents = {{"tokenizer.json", json.dump()}};
  for (const auto& [file, content] : files) contents[file] = content.dump();
  return Tokenizer::load(contents, {.max_length = max_length, .token_types = true}, "folder");
}

Tokenizer load_bert(const Json& config) {
  return load_over("wordpiece", Json::object(), {{"tokenizer_config.json", config}});
}

TEST(TokenizerFiles, MayBeginWithAByteOrderMark) {
  const std::string mark = "\xEF\xBB\xBF";
  const std::map<std::string, std::string> plain = {
      {"config.json", R"({"model_type": "bert"})"},
      {"tokenizer_config.json", R"({"do_lower_case": false})"},
      {"tokenizer.json", read_json_file(kFolder / "wordpiece" / "tokenizer.json").dump()}};
  std::map<std::string, std::string> marked;
  for (const auto& [name, content] : plain) marked[name] = mark + content;
  const Text text{.first = "The mark is no word", .second = std::nullopt};
  EXPECT_EQ(Tokenizer::load(marked, {}, "folder").encode(text).input_ids,
            Tokenizer::load(plain, {}, "folder").encode(text).input_ids);
}

Json lower_case(bool on) { return {{"normalizer", {{"lowercase", on}}}}; }

TEST(TokenizerConfig, ChangesATokenizerJsonAsTransformersDoes) {
  const Json golden = read_json_file(kFolder / "over_json.json");
  ASSERT_GT(golden.at("layouts").size(), 50U);
  for (const Json& layout : golden.at("layouts")) {
    const Json& files = layout.at("files");
    int32_t max_length = 0;
    for (const char* key : {"model_max_length", "max_len"}) {
      if (files.contains("tokenizer_config.json")) {
        max_length = std::max(max_length, files.at("tokenizer_config.json").value(key, 0));
      }
    }
    const Tokenizer tokenizer =
        load_over(layout.at("tokenizer").get<std::string>(), layout.at("patch"), files, max_length);
    for (const Json& item : layout.at("cases")) {
      Text text{.first = item.at(0).get<std::string>(), .second = std::nullopt};
      if (!item.at(1).is_null()) text.second = item.at(1).get<std::string>();
      const Encoding encoding = tokenizer.encode(text);
      EXPECT_EQ(encoding.input_ids, item.at(2).get<std::vector<int32_t>>()) << layout.at("name") << item.dump();
      EXPECT_EQ(encoding.token_type_ids, item.at(3).get<std::vector<int32_t>>()) << layout.at("name") << item.dump();
    }
  }
}

TEST(TokenizerConfig, SaysWhatItChanged) {
  EXPECT_THAT(load_bert({{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}}).applied(),
              ElementsAre("do_lower_case is false, over tokenizer.json's true"));
  const Tokenizer cased = load_over("wordpiece", lower_case(false), {{"config.json", {{"model_type", "bert"}}}});
  EXPECT_THAT(cased.applied(),
              ElementsAre("do_lower_case is true as BertTokenizerFast has it, over tokenizer.json's false"));
  EXPECT_EQ(cased.origin(), "tokenizer.json");
  EXPECT_THAT(load_bert({{"tokenizer_class", "BertTokenizer"}, {"pad_token", "[NEW]"}}).applied(),
              ElementsAre("the token \"[NEW]\" is found in a text, and not by tokenizer.json alone"));
  for (const Json& config :
       {Json{{"tokenizer_class", "BertTokenizer"}}, Json{{"tokenizer_class", "PreTrainedTokenizerFast"}}}) {
    EXPECT_THAT(load_bert(config).applied(), IsEmpty());
    EXPECT_THAT(load_bert(config).notes(), IsEmpty());
  }
  EXPECT_THAT(load_over("wordpiece", lower_case(false), {}).applied(), IsEmpty());
}

TEST(TokenizerConfig, SaysWhatItDidNotChange) {
  EXPECT_THAT(load_bert({{"tokenizer_class", "NoSuchTokenizer"}}).notes(),
              ElementsAre(HasSubstr("NoSuchTokenizer; its tokenizer class is not known")));
  EXPECT_THAT(load_over("wordpiece", Json::object(), {{"config.json", {{"model_type", "xlm"}}}}).notes(),
              ElementsAre(HasSubstr("XLMTokenizer from its vocabulary files")));
  const Json sequence = {{"normalizer", {{"type", "Sequence"}, {"normalizers", Json::array()}}}};
  const Json config = {{"tokenizer_class", "BertTokenizer"}, {"strip_accents", true}};
  EXPECT_THAT(load_over("wordpiece", sequence, {{"tokenizer_config.json", config}}).notes(),
              ElementsAre(HasSubstr("strip_accents has no effect")));
}

TEST(TokenizerConfig, RefusesWhatItCannotDo) {
  const auto refused = [](ErrorCode code, const Json& config, const char* message) {
    expect_error(
        code, [&] { load_bert(config); }, message);
  };
  refused(ErrorCode::kUnsupported, {{"tokenizer_class", "LlamaTokenizerFast"}}, "LlamaTokenizerFast changes more");
  refused(ErrorCode::kUnsupported, {{"from_slow", true}}, "from_slow is true");
  refused(ErrorCode::kUnsupported, {{"fast_tokenizer_files", {"tokenizer.json", "tokenizer.4.0.0.json"}}},
          "names \"tokenizer.4.0.0.json\"");
  refused(ErrorCode::kCorruptData, {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", 1}}, "do_lower_case is 1");
  refused(ErrorCode::kCorruptData, {{"truncation_side", "top"}}, "truncation_side is \"top\"");
  refused(ErrorCode::kCorruptData, Json::array(), "tokenizer_config.json holds no JSON object");
  refused(ErrorCode::kCorruptData, {{"extra_special_tokens", {{"x_token", 5}}}}, "extra_special_tokens's x_token is 5");
  refused(ErrorCode::kCorruptData, {{"extra_special_tokens", "[NEW]"}}, "expected a list of tokens");
  const Json token = {{"content", "[NEW]"}, {"special", true}};
  refused(ErrorCode::kCorruptData, {{"tokenizer_class", "BertTokenizer"}, {"added_tokens_decoder", {{"9999", token}}}},
          "\"[NEW]\" has id 9999, but its id by the vocabulary is 247");
}

}  // namespace
}  // namespace paceline
