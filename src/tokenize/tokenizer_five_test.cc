// Tokenizers as transformers 5 reads them, and which version's reading a folder gets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Files = std::map<std::string, std::string>;

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

Files folder_files(const std::filesystem::path& folder) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read_file(entry.path(), std::size_t{1} << 24);
  }
  return files;
}

Text text_of(const Json& first, const Json& second) {
  Text text{.first = first.get<std::string>(), .second = std::nullopt};
  if (!second.is_null()) text.second = second.get<std::string>();
  return text;
}

std::string patched(const std::string& json, const Json& patch) {
  Json value = Json::parse(json);
  value.merge_patch(patch);
  return value.dump();
}

Tokenizer load_word_piece(const Json& tokenizer_config, const Json& config = Json::object()) {
  const Files files = {{"tokenizer.json", read_file(kFolder / "wordpiece" / "tokenizer.json", std::size_t{1} << 24)},
                       {"tokenizer_config.json", tokenizer_config.dump()},
                       {"config.json", config.dump()}};
  return Tokenizer::load(files, {}, "folder");
}

TEST(TokenizerOfFive, ReadsATokenizerJsonAsTransformersDoes) {
  const Json golden = read_json_file(kFolder / "over_json_5.json");
  ASSERT_GT(golden.at("layouts").size(), 60U);
  for (const Json& layout : golden.at("layouts")) {
    const std::filesystem::path base = kFolder / layout.at("tokenizer").get<std::string>() / "tokenizer.json";
    Files files = {{"tokenizer.json", patched(read_file(base, std::size_t{1} << 24), layout.at("patch"))}};
    int32_t max_length = 0;
    for (const auto& [name, content] : layout.at("files").items()) {
      files[name] = content.dump();
      if (name == "tokenizer_config.json") max_length = content.value("model_max_length", 0);
    }
    const Tokenizer tokenizer = Tokenizer::load(files, {.max_length = max_length}, "folder");
    EXPECT_THAT(tokenizer.reading(), StartsWith("transformers 5")) << layout.at("name");
    for (const Json& item : layout.at("cases")) {
      EXPECT_EQ(tokenizer.encode(text_of(item.at(0), item.at(1))).input_ids, item.at(2).get<std::vector<int32_t>>())
          << layout.at("name") << item.dump();
    }
  }
}

TEST(TokenizerOfFive, IsBuiltFromVocabularyFilesAsTransformersDoes) {
  const Json golden = read_json_file(kFolder / "built_5.json");
  ASSERT_GT(golden.at("cases").size(), 400U);
  std::map<std::string, Tokenizer> tokenizers;
  for (const Json& item : golden.at("cases")) {
    const auto name = item.at(0).get<std::string>();
    if (!tokenizers.contains(name)) {
      Files files = folder_files(kFolder / ("built_" + name));
      const bool in_python = name.starts_with("xlm_added") || name.starts_with("flaubert");
      files["tokenizer_config.json"] =
          patched(files["tokenizer_config.json"], {{"backend", in_python ? "custom" : "tokenizers"}});
      tokenizers.emplace(name, Tokenizer::load(files, {}, "folder"));
    }
    EXPECT_EQ(tokenizers.at(name).encode(text_of(item.at(1), item.at(2))).input_ids,
              item.at(3).get<std::vector<int32_t>>())
        << item.dump();
  }
}

TEST(TokenizerOfFive, IsKnownByItsOwnFilesAndThenByTheModel) {
  const Json of_four = {{"transformers_version", "4.57.1"}};
  const Json of_five = {{"transformers_version", "5.17.0"}};
  const auto reading = [](const Json& tokenizer_config, const Json& config) {
    return load_word_piece(tokenizer_config, config).reading();
  };
  const Json none = Json::object();
  EXPECT_EQ(reading(none, none), "transformers 4.57, as nothing shows another version");
  EXPECT_EQ(reading(none, of_four), "transformers 4.57, as config.json's transformers_version 4.57.1 shows");
  EXPECT_EQ(reading({{"do_lower_case", true}}, of_five),
            "transformers 5.24, as config.json's transformers_version 5.17.0 shows");
  EXPECT_EQ(reading({{"backend", "tokenizers"}}, of_five),
            "transformers 5.24, as tokenizer_config.json's backend shows");
  EXPECT_EQ(reading({{"backend", "tokenizers"}}, of_four),
            "transformers 5.24, as tokenizer_config.json's backend shows, though config.json's transformers_version is "
            "4.57.1");
  EXPECT_EQ(reading({{"tokenizer_class", "BertTokenizerFast"}}, of_five),
            "transformers 4.57, as tokenizer_config.json's BertTokenizerFast shows, though config.json's "
            "transformers_version is 5.17.0");
  for (const Json& config : {Json{{"tokenizer_class", "TokenizersBackend"}}, Json{{"is_local", false}},
                             Json{{"local_files_only", true}}, Json{{"extra_special_tokens", {"<n>"}}},
                             Json{{"backend", "tokenizers"}, {"additional_special_tokens", {"<n>"}}}}) {
    EXPECT_THAT(reading(config, none), StartsWith("transformers 5")) << config;
  }
  // 4 keeps the keys of 5 and adds this one when it saves a folder again.
  for (const Json& config : {Json{{"backend", "tokenizers"}, {"added_tokens_decoder", Json::object()}},
                             Json{{"clean_up_tokenization_spaces", false}},
                             Json{{"extra_special_tokens", Json::object()}, {"sp_model_kwargs", Json::object()}}}) {
    EXPECT_THAT(reading(config, of_five), StartsWith("transformers 4.57")) << config;
  }
}

TEST(TokenizerOfFive, SaysWhatTheClassBringsAlong) {
  const Json cased = {{"backend", "tokenizers"}, {"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}};
  EXPECT_THAT(load_word_piece(cased).applied(),
              ElementsAre("the normalizer is BertTokenizer's, over tokenizer.json's"));
  EXPECT_THAT(load_word_piece({{"backend", "tokenizers"}, {"tokenizer_class", "TokenizersBackend"}}).applied(),
              IsEmpty());
}

TEST(TokenizerOfFive, RefusesWhatItCannotDo) {
  const auto refused = [](ErrorCode code, const Json& config, const char* message) {
    Json five = config;
    five["backend"] = "tokenizers";
    expect_error(
        code, [&] { load_word_piece(five); }, message);
  };
  refused(ErrorCode::kUnsupported, {{"tokenizer_class", "T5Tokenizer"}}, "T5Tokenizer, which Paceline does not build");
  refused(ErrorCode::kUnsupported, {{"tokenizer_class", "XLMRobertaTokenizer"}}, "expected Unigram");
  refused(ErrorCode::kUnsupported, {{"tokenizer_class", "RobertaTokenizer"}}, "expected BPE");
  refused(ErrorCode::kCorruptData, {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", nullptr}},
          "do_lower_case is null");
  refused(ErrorCode::kCorruptData, {{"tokenizer_class", "BertTokenizer"}, {"cls_token", nullptr}}, "cls_token is null");
  refused(ErrorCode::kCorruptData, {{"extra_special_tokens", 5}}, "extra_special_tokens is 5");
  refused(ErrorCode::kUnsupported, {{"extra_special_tokens", {{"mask_token", "[NEW]"}}}}, "names mask_token");
  Json many;
  for (int i = 0; i < 10'001; ++i) many[std::to_string(i) + "_token"] = "[NEW]";
  refused(ErrorCode::kUnsupported, {{"extra_special_tokens", many}}, "10001 special tokens, expected at most 10000");
  refused(ErrorCode::kUnsupported, many, "10001 special tokens, expected at most 10000");
}

TEST(TokenizerFiles, ReadAsEitherVersionReadsThem) {
  const Json golden = read_json_file(kFolder / "odd_files.json");
  for (const char* version : {"4", "5"}) {
    const Json& texts = golden.at(version).at("texts");
    for (const auto& [name, item] : golden.at(version).at("files").items()) {
      SCOPED_TRACE(name + " by " + version);
      Files files = {{"config.json", R"({"model_type": "bert"})"}};
      for (const auto& [file, content] : item.at("files").items()) files[file] = content.get<std::string>();
      const Json& ids = item.at("ids");
      bool reads_any = false;
      for (const Json& of_text : ids) reads_any = reads_any || !of_text.is_null();
      // Which transformers refuses and is read here without it.
      if (name == "vocab.json with byte order mark") continue;
      if (!reads_any) {
        expect_error(
            ErrorCode::kCorruptData, [&] { Tokenizer::load(files, {}, "folder"); }, "expected");
        continue;
      }
      const Tokenizer tokenizer = Tokenizer::load(files, {}, "folder");
      for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(tokenizer.encode(text_of(texts.at(i), nullptr)).input_ids, ids.at(i).get<std::vector<int32_t>>())
            << texts.at(i);
      }
    }
  }
}

// XLM's and FlauBERT's, of which 5 cuts a pair otherwise where its second text has no token.
TEST(TokenizerFiles, OfClassesInPythonAreReadAsEitherVersionReadsThem) {
  const Json golden = read_json_file(kFolder / "in_python.json");
  for (const char* version : {"4", "5"}) {
    const Json& pairs = golden.at(version).at("pairs");
    for (const auto& [name, item] : golden.at(version).at("tokenizers").items()) {
      SCOPED_TRACE(name + " by " + version);
      Files files = folder_files(kFolder / item.at("folder").get<std::string>());
      files["tokenizer_config.json"] = item.at("tokenizer_config.json").get<std::string>();
      const Json config = Json::parse(files["tokenizer_config.json"]);
      const Tokenizer tokenizer = Tokenizer::load(files, {.max_length = config.value("model_max_length", 0)}, "folder");
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        EXPECT_EQ(tokenizer.encode(text_of(pairs.at(i).at(0), pairs.at(i).at(1))).input_ids,
                  item.at("ids").at(i).get<std::vector<int32_t>>())
            << pairs.at(i);
      }
    }
  }
}

TEST(TokenizerFiles, WindowsBeginAtTheEndThatTruncationKeeps) {
  const Json golden = read_json_file(kFolder / "windows.json");
  for (const char* version : {"4", "5"}) {
    const Json& part = golden.at(version);
    const Json& texts = part.at("texts");
    for (const Json& item : part.at("windows")) {
      Files files = folder_files(kFolder / item.at("folder").get<std::string>());
      files["tokenizer_config.json"] = item.at("tokenizer_config.json").get<std::string>();
      SCOPED_TRACE(files["tokenizer_config.json"] + " over " + item.at("folder").dump() + " by " + version);
      const Tokenizer tokenizer = Tokenizer::load(files,
                                                  {.max_length = part.at("max_length").get<int32_t>(),
                                                   .windows = true,
                                                   .stride = item.at("stride").get<int32_t>()},
                                                  "folder");
      for (std::size_t i = 0; i < texts.size(); ++i) {
        std::vector<int32_t> expected;
        for (const Json& window : item.at("ids").at(i)) {
          for (const Json& id : window) expected.push_back(id.get<int32_t>());
        }
        EXPECT_EQ(tokenizer.encode(text_of(texts.at(i).at(0), texts.at(i).at(1))).input_ids, expected) << texts.at(i);
      }
    }
  }
}

// The library's search goes by a map with another order in each tokenizer.
TEST(TokenizerFiles, OfEqualTokensTheFirstIsFoundEachTime) {
  const Json golden = read_json_file(kFolder / "odd_files.json").at("4");
  const Json& item = golden.at("files").at("equal tokens");
  Files files = {{"config.json", R"({"model_type": "bert"})"}};
  for (const auto& [file, content] : item.at("files").items()) files[file] = content.get<std::string>();
  for (const bool five : {false, true}) {
    if (five) files["tokenizer_config.json"] = patched(files["tokenizer_config.json"], {{"backend", "tokenizers"}});
    for (int times = 0; times < 20; ++times) {
      const Tokenizer tokenizer = Tokenizer::load(files, {}, "folder");
      EXPECT_EQ(tokenizer.token(9), "sud");
      EXPECT_EQ(tokenizer.vocab_size(), 12);
      for (std::size_t i = 0; i < golden.at("texts").size(); ++i) {
        const Json& text = golden.at("texts").at(i);
        EXPECT_EQ(tokenizer.encode(text_of(text, nullptr)).input_ids, item.at("ids").at(i).get<std::vector<int32_t>>())
            << text;
      }
    }
  }
}

TEST(TokenizerFiles, EveryKeyThatEitherVersionWritesIsKnown) {
  const Json golden = read_json_file(kFolder / "config_keys.json");
  for (const char* version : {"4", "5"}) {
    const Json& keys = golden.at(version).at("keys");
    ASSERT_GT(keys.size(), 25U);
    for (const auto& [key, value] : keys.items()) {
      Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
      config[key] = value.is_null() ? Json(true) : value;
      if (key.ends_with("_tokens") || key == "added_tokens_decoder" || key == "strip_accents") continue;
      if (key == "tokenizer_class") continue;
      if (key.ends_with("_token") && value.is_null()) config[key] = "[MASK]";
      EXPECT_THAT(load_word_piece(config).notes(), Not(testing::Contains(HasSubstr("not known here")))) << key;
    }
  }
  EXPECT_THAT(load_word_piece({{"do_something", true}, {"vocab_split", 3}, {"nothing", nullptr}}).notes(),
              ElementsAre("tokenizer_config.json has settings that are not known here and not followed: do_something, "
                          "vocab_split"));
}

TEST(TokenizerFiles, APointerOfGitLfsIsNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 437955512\n";
  const Files vocabulary = {{"tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})"},
                            {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"}};
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
                           "added_tokens.json", "config.json", "vocab.json", "merges.txt", "spiece.model"}) {
    Files files = vocabulary;
    files[name] = pointer;
    expect_error(
        ErrorCode::kCorruptData, [&] { Tokenizer::load(files, {}, "folder"); }, name, "git lfs pull");
  }
}

Tokenizer load_patched(const std::string& name, const Json& patch) {
  const std::string json = patched(read_file(kFolder / name / "tokenizer.json", std::size_t{1} << 24), patch);
  return Tokenizer::load(Files{{"tokenizer.json", json}}, {}, "folder");
}

Json repeated(const char* section, const char* parts, const Json& stage, int times) {
  Json stages = Json::array();
  for (int i = 0; i < times; ++i) stages.push_back(stage);
  return {{section, {{"type", "Sequence"}, {parts, stages}}}};
}

TEST(TokenizerBounds, AFileThatAsksForTooMuchIsRefusedByName) {
  const auto refused = [](const std::string& name, const Json& patch, const char* what) {
    SCOPED_TRACE(what);
    expect_error(
        ErrorCode::kUnsupported, [&] { load_patched(name, patch); }, what, "expected at most");
  };
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaa"}};
  refused("byte_bpe", repeated("normalizer", "normalizers", replace, 30),
          "the normalizer can make 1152921504606846976");
  const Json matches_nothing = {{"type", "Replace"}, {"pattern", {{"Regex", "x*"}}}, {"content", "abc"}};
  refused("byte_bpe", repeated("normalizer", "normalizers", matches_nothing, 9), "the normalizer can make 262144");
  refused("byte_bpe", repeated("normalizer", "normalizers", {{"type", "Prepend"}, {"prepend", "abc"}}, 9),
          "the normalizer can make 262144");
  refused("byte_bpe", repeated("normalizer", "normalizers", {{"type", "ByteLevel"}}, 17),
          "the normalizer can make 131072");
  refused("byte_bpe", repeated("normalizer", "normalizers", {{"type", "Lowercase"}}, 257), "257 stages");
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  refused("byte_bpe", repeated("pre_tokenizer", "pretokenizers", bytes, 40),
          "the pre_tokenizer can make 1099511627776");
  refused("wordpiece", {{"model", {{"max_input_chars_per_word", 1000000000}}}},
          "max_input_chars_per_word is 1000000000");
  refused("wordpiece", {{"model", {{"continuing_subword_prefix", std::string(65, '#')}}}}, "continuing_subword_prefix");
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  refused("wordpiece",
          {{"post_processor",
            {{"type", "TemplateProcessing"},
             {"single", {text, text}},
             {"pair", Json::array()},
             {"special_tokens", Json::object()}}}},
          "template single has text A 2 times");
}

TEST(TokenizerBounds, ATextThatTheNormalizerMakesTooLongIsAnErrorOfThatText) {
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaa"}};
  const Tokenizer tokenizer = load_patched("byte_bpe", repeated("normalizer", "normalizers", replace, 7));
  EXPECT_FALSE(tokenizer.encode({.first = "b", .second = std::nullopt}).input_ids.empty());
  expect_error(
      ErrorCode::kUnsupported, [&] { tokenizer.encode({.first = std::string(3000, 'a'), .second = std::nullopt}); },
      "makes longer than 4194304");
  EXPECT_FALSE(tokenizer.encode({.first = "a", .second = std::nullopt}).input_ids.empty());
}

}  // namespace
}  // namespace paceline
