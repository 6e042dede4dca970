#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

using testing::ElementsAre;

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

Text text_of(std::string first) { return {.first = std::move(first), .second = std::nullopt}; }

Tokenizer load_files(const std::map<std::string, std::string>& files) {
  return Tokenizer::load(files, {.token_types = true}, "folder");
}

const std::string kBertConfig = R"({"tokenizer_class": "BertTokenizer"})";
const std::string kRobertaConfig = R"({"tokenizer_class": "RobertaTokenizerFast"})";
const std::string kVocabTxt = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nle\nvent\n##s\n";
const std::string kVocabJson = R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "b": 6, "ab": 7})";
const std::string kMergesTxt = "#version: 0.2\na b\n";

TEST(BuiltTokenizer, EncodesAsTransformersDoes) {
  const Json golden = read_json_file(kFolder / "built.json");
  ASSERT_GT(golden.at("cases").size(), 1000U);
  std::map<std::string, Tokenizer> tokenizers;
  for (const Json& item : golden.at("cases")) {
    const auto name = item.at(0).get<std::string>();
    if (!tokenizers.contains(name)) {
      tokenizers.emplace(name, Tokenizer::load(kFolder / ("built_" + name), {.token_types = true}));
    }
    Text text = text_of(item.at(1).get<std::string>());
    if (!item.at(2).is_null()) text.second = item.at(2).get<std::string>();
    const Encoding encoding = tokenizers.at(name).encode(text);
    EXPECT_EQ(encoding.input_ids, item.at(3).get<std::vector<int32_t>>()) << item.dump();
    EXPECT_EQ(encoding.token_type_ids, item.at(4).get<std::vector<int32_t>>()) << item.dump();
  }
}

TEST(BuiltTokenizer, CutsLongTextsAsItWouldWholeOnes) {
  for (const char* name : {"bert", "mpnet", "roberta", "deberta", "camembert", "xlm_roberta_nfkc", "albert", "xlnet",
                           "deberta_v2_lower", "deberta_v3"}) {
    const std::filesystem::path folder = kFolder / (std::string("built_") + name);
    Text text = text_of("");
    for (int i = 0; text.first.size() < 6000; ++i) text.first += "le vent 12, \u00e9t\u00e9 " + std::to_string(i) + " ";
    for (const int32_t max_length : {7, 40}) {
      const Tokenizer cutting = Tokenizer::load(folder, {.max_length = max_length});
      const Tokenizer counting = Tokenizer::load(folder, {.max_length = max_length, .count_truncated = true});
      EXPECT_EQ(cutting.encode(text).input_ids, counting.encode(text).input_ids) << name;
      EXPECT_EQ(cutting.encode(text).input_ids.size(), static_cast<std::size_t>(max_length)) << name;
    }
  }
}

TEST(BuiltTokenizer, SaysWhatItIsMadeFrom) {
  const auto origin = [](const std::string& name) { return Tokenizer::load(kFolder / name, {}).origin(); };
  EXPECT_EQ(origin("unigram"), "tokenizer.json");
  EXPECT_EQ(origin("built_bert"), "vocab.txt + tokenizer_config.json");
  EXPECT_EQ(origin("built_roberta"), "vocab.json + merges.txt + tokenizer_config.json");
  EXPECT_EQ(origin("built_xlnet"), "spiece.model + tokenizer_config.json");
  EXPECT_EQ(load_files({{"config.json", R"({"model_type": "bert"})"}, {"vocab.txt", kVocabTxt}}).origin(), "vocab.txt");
  EXPECT_EQ(Tokenizer::load(kFolder / "built_bert", {}).kind(), "WordPiece");
  EXPECT_EQ(Tokenizer::load(kFolder / "built_deberta_v3", {}).kind(), "BPE");
}

TEST(BuiltTokenizer, ComesAfterATokenizerJson) {
  const std::string json = read_file(kFolder / "unigram/tokenizer.json", 1 << 20);
  const Tokenizer tokenizer =
      load_files({{"tokenizer.json", json}, {"vocab.txt", "nonsense"}, {"tokenizer_config.json", kBertConfig}});
  EXPECT_EQ(tokenizer.origin(), "tokenizer.json");
}

TEST(BuiltTokenizer, TakesItsClassFromTheConfigOrTheModelType) {
  const std::string roberta = R"({"model_type": "bert", "tokenizer_class": "RobertaTokenizer"})";
  EXPECT_EQ(load_files({{"config.json", roberta}, {"vocab.json", kVocabJson}, {"merges.txt", kMergesTxt}}).kind(),
            "BPE");
  expect_error(
      ErrorCode::kUnsupported,
      [] {
        load_files({{"config.json", R"({"model_type": "canine"})"}, {"vocab.txt", kVocabTxt}});
      },
      "canine", "BertTokenizer");
  expect_error(
      ErrorCode::kUnsupported,
      [] {
        load_files({{"tokenizer_config.json", R"({"tokenizer_class": "T5Tokenizer"})"}});
      },
      "T5Tokenizer");
  expect_error(
      ErrorCode::kCorruptData,
      [] {
        load_files({{"vocab.txt", kVocabTxt}});
      },
      "model_type");
}

TEST(BuiltTokenizer, HonoursItsConfig) {
  const auto ids = [](const std::string& config, const std::string& text) {
    return load_files({{"tokenizer_config.json", config}, {"vocab.txt", kVocabTxt}}).encode(text_of(text)).input_ids;
  };
  EXPECT_THAT(ids(kBertConfig, "LE vents"), ElementsAre(2, 5, 6, 7, 3));
  EXPECT_THAT(ids(R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false})", "LE vents"),
              ElementsAre(2, 1, 6, 7, 3));
  EXPECT_THAT(ids(R"({"tokenizer_class": "BertTokenizer", "sep_token": "le"})", "vent"), ElementsAre(2, 6, 5));
  expect_error(
      ErrorCode::kCorruptData, [&] { ids(R"({"tokenizer_class": "BertTokenizer", "do_lower_case": 1})", ""); },
      "tokenizer_config.json: do_lower_case is 1", "true or false");
  expect_error(
      ErrorCode::kCorruptData, [&] { ids(R"({"tokenizer_class": "BertTokenizer", "cls_token": 5})", ""); },
      "cls_token is 5");
  expect_error(
      ErrorCode::kCorruptData, [&] { ids(R"({"tokenizer_class": "BertTokenizer", "cls_token": null})", ""); },
      "cls_token is null");
}

TEST(BuiltTokenizer, SaysWhichFileIsMissing) {
  expect_error(
      ErrorCode::kNotFound,
      [] {
        load_files({{"tokenizer_config.json", kBertConfig}});
      },
      "vocab.txt");
  expect_error(
      ErrorCode::kNotFound,
      [] {
        load_files({{"tokenizer_config.json", kRobertaConfig}, {"vocab.json", kVocabJson}});
      },
      "merges.txt");
}

TEST(BuiltTokenizer, RefusesAWordPieceVocabularyThatContradictsItself) {
  const auto load = [](const std::string& vocabulary, const std::string& added = "{}") {
    load_files({{"tokenizer_config.json", kBertConfig},
                {"config.json", R"({"vocab_size": 10})"},
                {"added_tokens.json", added},
                {"vocab.txt", vocabulary}});
  };
  load(kVocabTxt);
  load(kVocabTxt, R"({"new": 8})");
  load(kVocabTxt + "vent\n");
  load(kVocabTxt + "\n\n\n\n");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kVocabTxt + "a\nb\nc\n"); }, "\"c\" has id 10", "vocab_size is 10");
  expect_error(
      ErrorCode::kCorruptData, [&] { load("[UNK]\na\nb\nc\nd\ne\nf\ng\n"); }, "\"[CLS]\" has id 10",
      "vocab_size is 10");
  expect_error(
      ErrorCode::kCorruptData, [&] { load("le\n"); }, "\"[UNK]\"", "unk_token");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(""); }, "vocab.txt is empty");
  expect_error(
      ErrorCode::kCorruptData, [&] { load("\xFF\n"); }, "vocab.txt is not UTF-8");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kVocabTxt, R"({"new": 42})"); }, "added_tokens.json", "42", "8");
}

TEST(BuiltTokenizer, RefusesMergesThatContradictTheVocabulary) {
  const auto load = [](const std::string& vocabulary, const std::string& merges) {
    load_files({{"tokenizer_config.json", kRobertaConfig}, {"vocab.json", vocabulary}, {"merges.txt", merges}});
  };
  load(kVocabJson, kMergesTxt);
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kVocabJson, kMergesTxt + "b a\n"); }, "merges.txt: line 3", "\"ba\"");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kVocabJson, kMergesTxt + "x a\n"); }, "line 3", "\"x\"");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kVocabJson, kMergesTxt + "a\n"); }, "two pieces");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(R"({"<s>": -1})", kMergesTxt); }, "vocab.json");
  expect_error(
      ErrorCode::kCorruptData, [&] { load("[]", kMergesTxt); }, "vocab.json");
}

// The library would ask for as much memory as the first four bytes of a map say.
TEST(BuiltTokenizer, AMapOfCharactersHasTheBytesThatItAnnounces) {
  const auto load = [](const char* map) {
    const std::string json = fmt::format(
        R"({{"normalizer": {{"type": "Precompiled", "precompiled_charsmap": "{}"}}, "model": {{"type": "Unigram"}}}})",
        map);
    Tokenizer::load({{"tokenizer.json", json}}, {}, "folder");
  };
  expect_error(
      ErrorCode::kCorruptData, [&] { load("////fw=="); }, "the map of characters announces 2147483647 bytes");
  // ModelProto: pieces of text and type, the model's type, the normaliser's map.
  const std::string unk("\x0a\x09\x0a\x05<unk>\x18\x02", 11);
  const std::string begin("\x0a\x07\x0a\x03<s>\x18\x03", 9);
  const std::string end("\x0a\x08\x0a\x04</s>\x18\x03", 10);
  const std::string model = unk + begin + end + "\x12\x02\x18\x01" + "\x1a\x06\x12\x04\xff\xff\xff\x7f";
  expect_error(
      ErrorCode::kCorruptData,
      [&] {
        Tokenizer::load({{"config.json", R"({"model_type": "xlm-roberta"})"}, {"sentencepiece.bpe.model", model}}, {},
                        "folder");
      },
      "the map of characters announces 2147483647 bytes");
}

}  // namespace
}  // namespace paceline
