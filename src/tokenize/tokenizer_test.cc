#include "tokenize/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

Tokenizer load(const std::string& name, int32_t max_length = 0, bool token_types = false) {
  return Tokenizer::load(kFolder / name, {.max_length = max_length, .token_types = token_types});
}

Tokenizer load_counting(const std::string& name, int32_t max_length, bool token_types = false) {
  return Tokenizer::load(kFolder / name,
                         {.max_length = max_length, .token_types = token_types, .count_truncated = true});
}

Text text_of(std::string first) { return {.first = std::move(first), .second = std::nullopt}; }

/// Loads unigram.json after `change`.
Tokenizer load_changed(const std::function<void(Json&)>& change, int32_t max_length = 0) {
  const TemporaryFolder folder;
  Json json = read_json_file(kFolder / "unigram/tokenizer.json");
  change(json);
  write_file_atomically(folder / "tokenizer.json", json.dump());
  return Tokenizer::load(folder.path(), {.max_length = max_length});
}

Tokenizer load_bytes(std::string_view bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "tokenizer.json", bytes);
  return Tokenizer::load(folder.path(), {});
}

TEST(Tokenizer, EncodesAsTheOriginalDoes) {
  const Json golden = read_json_file(kFolder / "golden.json");
  std::map<std::pair<std::string, int32_t>, std::pair<Tokenizer, Tokenizer>> tokenizers;
  ASSERT_GT(golden.at("cases").size(), 100U);
  for (const Json& item : golden.at("cases")) {
    const auto key = std::make_pair(item.at("tokenizer").get<std::string>(), item.at("max_length").get<int32_t>());
    if (!tokenizers.contains(key)) {
      tokenizers.emplace(key, std::pair(load(key.first, key.second, true), load_counting(key.first, key.second, true)));
    }
    Text text = text_of(item.at("first").get<std::string>());
    if (!item.at("second").is_null()) text.second = item.at("second").get<std::string>();
    const auto truncated = item.at("truncated").get<int32_t>();
    const auto& [cutting, counting] = tokenizers.at(key);
    for (const Tokenizer* tokenizer : {&cutting, &counting}) {
      const Encoding encoding = tokenizer->encode(text);
      EXPECT_EQ(encoding.input_ids, item.at("input_ids").get<std::vector<int32_t>>()) << item.dump();
      EXPECT_EQ(encoding.token_type_ids, item.at("token_type_ids").get<std::vector<int32_t>>()) << item.dump();
      EXPECT_EQ(encoding.truncated > 0, truncated > 0) << item.dump();
      EXPECT_LE(encoding.truncated, truncated) << item.dump();
    }
    EXPECT_EQ(counting.encode(text).truncated, truncated) << item.dump();
  }
}

TEST(Tokenizer, EncodesTheEmptyText) { EXPECT_THAT(load("unigram").encode(text_of("")).input_ids, ElementsAre(5, 6)); }

TEST(Tokenizer, GivesTokenTypesOnlyWhenAsked) {
  const Text pair{.first = "a", .second = "b"};
  EXPECT_THAT(load("wordpiece", 0, false).encode(pair).token_type_ids, IsEmpty());
  EXPECT_THAT(load("wordpiece", 0, true).encode(pair).token_type_ids, ElementsAre(0, 0, 0, 1, 1));
}

TEST(Tokenizer, TakesAPairsTypesFromThePostProcessor) {
  const TemporaryFolder folder;
  Json json = read_json_file(kFolder / "wordpiece/tokenizer.json");
  // Special tokens around the first text only.
  json["post_processor"]["pair"] = json["post_processor"]["single"];
  json["post_processor"]["pair"].push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  write_file_atomically(folder / "tokenizer.json", json.dump());
  const Tokenizer tokenizer = Tokenizer::load(folder.path(), {.token_types = true});
  EXPECT_THAT(tokenizer.encode({.first = "a", .second = "b"}).token_type_ids, ElementsAre(0, 0, 0, 1));
}

TEST(Tokenizer, ShowsItsPieces) {
  const Tokenizer tokenizer = load("unigram");
  EXPECT_EQ(tokenizer.token(5), "<s>");
  EXPECT_EQ(tokenizer.token(3), "<unk>");
  EXPECT_EQ(tokenizer.token(tokenizer.vocab_size() - 1), "<mask>");
  EXPECT_EQ(tokenizer.token(tokenizer.vocab_size()), "");
  EXPECT_EQ(tokenizer.token(-1), "");
  std::string text;
  for (const int32_t id : tokenizer.encode(text_of("le vent")).input_ids) text += tokenizer.token(id);
  EXPECT_EQ(text, "<s>\u2581le\u2581vent</s>");
}

TEST(Tokenizer, ShowsAPieceOfAnyLength) {
  const std::string longest(1000, 'z');
  const Tokenizer tokenizer = load_changed([&](Json& json) { json["model"]["vocab"][7][0] = longest; });
  EXPECT_EQ(tokenizer.token(7), longest);
}

TEST(Tokenizer, CountsAddedTokensOnce) {
  const auto pieces = read_json_file(kFolder / "unigram/tokenizer.json").at("model").at("vocab").size();
  EXPECT_EQ(load("unigram").vocab_size(), static_cast<int32_t>(pieces));
}

TEST(Tokenizer, SharesTextsOutInOrder) {
  const Tokenizer tokenizer = load("unigram", 16);
  std::vector<Text> texts;
  for (int i = 0; i < 500; ++i) texts.push_back(text_of("le vent " + std::string(static_cast<std::size_t>(i), 'e')));
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const std::vector<Encoding> encodings = tokenizer.encode_all(texts, pool).encodings;
    ASSERT_EQ(encodings.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Encoding alone = tokenizer.encode(texts[i]);
      EXPECT_EQ(encodings[i].input_ids, alone.input_ids) << i;
      EXPECT_EQ(encodings[i].truncated, alone.truncated) << i;
    }
    EXPECT_THAT(tokenizer.encode_all({}, pool).encodings, IsEmpty());
  }
}

TEST(Tokenizer, SaysWhichTextItCannotEncode) {
  const Tokenizer tokenizer = load("unigram");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { tokenizer.encode(text_of("na\xEFve")); }, "not UTF-8 from byte 2");
  const Text pair{.first = "a", .second = "\xFF"};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { tokenizer.encode(pair); }, "not UTF-8 from byte 0");
  const std::vector<Text> texts = {text_of("\xE9"), text_of("b"), text_of("\x80"), text_of("vent")};
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const EncodedTexts encoded = tokenizer.encode_all(texts, pool);
    ASSERT_EQ(encoded.encodings.size(), 4U);
    EXPECT_EQ(encoded.encodings[1].input_ids, tokenizer.encode(texts[1]).input_ids);
    EXPECT_EQ(encoded.encodings[3].input_ids, tokenizer.encode(texts[3]).input_ids);
    ASSERT_EQ(encoded.errors.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(encoded.errors[i].text, 2 * i);
      EXPECT_EQ(encoded.errors[i].code, ErrorCode::kInvalidArgument);
      EXPECT_THAT(encoded.errors[i].message, HasSubstr("tokenizer.json] text that is not UTF-8"));
      EXPECT_THAT(encoded.encodings[2 * i].input_ids, IsEmpty());
    }
  }
}

TEST(Tokenizer, RefusesATextWithWhatTheModelDoesNotKnow) {
  const Text pair{.first = "le vent", .second = "la route"};
  const Tokenizer any = Tokenizer::load(kFolder / "wordpiece", {.token_types = true});
  const Encoding encoding = any.encode(pair);
  const int32_t largest = *std::max_element(encoding.input_ids.begin(), encoding.input_ids.end());
  const auto load_known = [&](int32_t ids, int32_t types, int32_t max_length = 0) {
    return Tokenizer::load(kFolder / "wordpiece",
                           {.max_length = max_length, .token_types = true, .known_ids = ids, .known_types = types});
  };
  EXPECT_EQ(load_known(largest + 1, 2).encode(pair).input_ids, encoding.input_ids);
  expect_error(
      ErrorCode::kCorruptData, [&] { load_known(largest, 2).encode(pair); },
      "\"" + any.token(largest) + "\" with id " + std::to_string(largest) + ", and the model knows ids below " +
          std::to_string(largest));
  expect_error(
      ErrorCode::kCorruptData, [&] { load_known(0, 1).encode(pair); }, "tokens of type 1, and the model knows types");
  const Tokenizer one_type = Tokenizer::load(kFolder / "wordpiece", {.known_types = 1});
  EXPECT_FALSE(one_type.encode({.first = "le vent", .second = std::nullopt}).input_ids.empty());
  expect_error(
      ErrorCode::kCorruptData, [&] { one_type.encode(pair); }, "tokens of type 1, and the model knows types");
}

TEST(Tokenizer, RefusesALimitWithoutRoomForText) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { load("unigram", 2); }, "tokenizer.json]", "2 tokens", "2 special tokens");
  expect_error(
      ErrorCode::kInvalidArgument, [] { load("unigram", -1); }, "-1");
  const Tokenizer tokenizer = load("unigram", 3);
  EXPECT_EQ(tokenizer.encode(text_of("le vent")).input_ids.size(), 3U);
  const Text pair{.first = "a", .second = "b"};
  expect_error(
      ErrorCode::kInvalidArgument, [&] { tokenizer.encode(pair); }, "max_length 3", "4 special tokens");
}

TEST(Tokenizer, IgnoresTheFilesOwnPaddingAndTruncation) {
  const Text text = text_of("le vent, la route, le col et la mer");
  const Encoding plain = load("unigram").encode(text);
  // Padding to this length would need more memory than there is.
  const Json padding = {{"strategy", {{"Fixed", 1'000'000'000'000}}},
                        {"direction", "Right"},
                        {"pad_id", 1},
                        {"pad_to_multiple_of", nullptr},
                        {"pad_type_id", 0},
                        {"pad_token", "<pad>"}};
  const Json truncation = {{"direction", "Left"}, {"max_length", 3}, {"strategy", "OnlyFirst"}, {"stride", 0}};
  const Tokenizer tokenizer = load_changed([&](Json& json) {
    json["padding"] = padding;
    json["truncation"] = truncation;
  });
  EXPECT_EQ(tokenizer.encode(text).input_ids, plain.input_ids);
}

TEST(Tokenizer, RefusesWhatIsNoTokenizer) {
  const std::string good = read_file(kFolder / "unigram/tokenizer.json", 1 << 20);
  expect_error(
      ErrorCode::kNotFound, [] { load("missing"); }, "missing] there is no tokenizer.json and no vocabulary");
  for (const std::string& bytes : {std::string(), std::string("{}"), std::string("[]"), std::string("null"),
                                   good.substr(0, good.size() / 2), std::string("\xFF\xFE{}"), std::string(100, '[')}) {
    expect_error(
        ErrorCode::kCorruptData, [&] { load_bytes(bytes); }, "tokenizer.json", "expected a tokenizer.json");
  }
}

TEST(Tokenizer, RefusesAFileThatContradictsItself) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& json) { json["model"]["unk_id"] = 100'000; },
      [](Json& json) { json["model"]["unk_id"] = -1; },
      [](Json& json) { json["model"]["vocab"] = Json::array(); },
      [](Json& json) {
        json["model"]["vocab"] = {{"a", "b"}};
      },
      [](Json& json) {
        json["model"]["vocab"] = {{"a", 1}};
      },
      [](Json& json) {
        json["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}};
      },
      // From here on the library panics.
      [](Json& json) {
        json["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}};
      },
      [](Json& json) { json["post_processor"]["special_tokens"] = Json::object(); },
      [](Json& json) { json["post_processor"]["single"][1]["Sequence"]["id"] = "B"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    expect_error(
        ErrorCode::kCorruptData, [&] { load_changed(changes[i]); }, "tokenizer.json");
  }
}

TEST(Tokenizer, PrintsNothingWhenTheLibraryPanics) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  expect_error(
      ErrorCode::kCorruptData,
      [] { load_changed([](Json& json) { json["post_processor"]["special_tokens"] = Json::object(); }); }, "gave up");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(Tokenizer, SurvivesAPanicInTheMiddle) {
  const Tokenizer chunks_of_nothing = load_changed([](Json& json) {
    json["pre_tokenizer"] = {{"type", "FixedLength"}, {"length", 0}};
  });
  const Tokenizer wild_index = load_changed([](Json& json) {
    // A character map whose first unit points far beyond its end.
    json["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "CAAAAP////8BAgMEBQYHCA=="}};
  });
  for (const Tokenizer* tokenizer : {&chunks_of_nothing, &wild_index}) {
    for (int i = 0; i < 2; ++i) {
      expect_error(
          ErrorCode::kCorruptData, [&] { tokenizer->encode(text_of("abc")); }, "gave up");
    }
  }
}

TEST(Tokenizer, RefusesWhatItCannotHonour) {
  expect_error(
      ErrorCode::kUnsupported,
      [] {
        load_changed(
            [](Json& json) { json["post_processor"]["single"] = Json::array({json["post_processor"]["single"][1]}); });
      },
      "no special tokens");
  expect_error(
      ErrorCode::kUnsupported, [] { load_changed([](Json& json) { json["post_processor"] = nullptr; }); },
      "no special tokens");
  const TemporaryFolder folder;
  Json json = read_json_file(kFolder / "byte_bpe/tokenizer.json");
  json["model"]["dropout"] = 0.5;
  write_file_atomically(folder / "tokenizer.json", json.dump());
  expect_error(
      ErrorCode::kUnsupported, [&] { Tokenizer::load(folder.path(), {}); }, "dropout 0.5");
  json["model"]["dropout"] = 0.0;
  write_file_atomically(folder / "tokenizer.json", json.dump());
  EXPECT_NO_THROW(Tokenizer::load(folder.path(), {}));
}

TEST(Tokenizer, RefusesUnknownComponentsByName) {
  const std::vector<std::pair<std::string, std::function<void(Json&)>>> changes = {
      {"the model is of type \"Unheard\", expected one of BPE, WordPiece",
       [](Json& json) { json["model"]["type"] = "Unheard"; }},
      {"the normalizer is of type \"Unheard\", expected one of BertNormalizer",
       [](Json& json) {
         json["normalizer"]["normalizers"].push_back({{"type", "Unheard"}});
       }},
      {"the pre_tokenizer is of type \"Unheard\"",
       [](Json& json) {
         json["pre_tokenizer"] = {{"type", "Unheard"}};
       }},
      {"the post_processor is of type 5", [](Json& json) { json["post_processor"]["type"] = 5; }},
  };
  for (const auto& [message, change] : changes) {
    expect_error(
        ErrorCode::kUnsupported, [&, &made = change] { load_changed(made); }, "tokenizer.json", message);
  }
}

TEST(Tokenizer, NeedsNoSpecialTokensForGpt2) {
  const TemporaryFolder folder;
  Json json = read_json_file(kFolder / "byte_bpe/tokenizer.json");
  for (const Json& processor :
       {Json(), Json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}}}) {
    json["post_processor"] = processor;
    write_file_atomically(folder / "tokenizer.json", json.dump());
    write_file_atomically(folder / "config.json", R"({"model_type": "gpt2"})");
    const Tokenizer tokenizer = Tokenizer::load(folder.path(), {.token_types = true});
    EXPECT_THAT(tokenizer.encode(text_of("")).input_ids, IsEmpty());
    std::vector<int32_t> inner = load("byte_bpe").encode(text_of("le vent")).input_ids;
    inner.pop_back();
    inner.erase(inner.begin());
    EXPECT_EQ(tokenizer.encode(text_of("le vent")).input_ids, inner);
    write_file_atomically(folder / "config.json", R"({"model_type": "roberta"})");
    expect_error(
        ErrorCode::kUnsupported, [&] { Tokenizer::load(folder.path(), {}); }, "no special tokens");
  }
}

TEST(Tokenizer, RefusesAnIdAboveTheRange) {
  const TemporaryFolder folder;
  Json json = read_json_file(kFolder / "wordpiece/tokenizer.json");
  json["model"]["vocab"]["[UNK]"] = 4'000'000'000;
  write_file_atomically(folder / "tokenizer.json", json.dump());
  expect_error(
      ErrorCode::kCorruptData, [&] { Tokenizer::load(folder.path(), {}).encode(text_of("\u65e5")); }, "4000000000");
}

TEST(Tokenizer, TruncatesAVeryLongText) {
  std::string text;
  while (text.size() < (std::size_t{1} << 20)) text += "le vent, la route ";
  const Encoding whole = load("unigram").encode(text_of(text));
  const Encoding cut = load_counting("unigram", 512).encode(text_of(text));
  ASSERT_EQ(cut.input_ids.size(), 512U);
  EXPECT_EQ(static_cast<std::size_t>(cut.truncated), whole.input_ids.size() - 512);
  EXPECT_TRUE(std::equal(cut.input_ids.begin(), cut.input_ids.end() - 1, whole.input_ids.begin()));
  EXPECT_EQ(cut.input_ids.back(), 6);
}

/// The windows of a text's tokens, cut as transformers documents it.
std::vector<std::vector<int32_t>> windows_of(const std::vector<int32_t>& text, std::size_t room, std::size_t stride) {
  std::vector<std::vector<int32_t>> windows;
  for (std::size_t begin = 0;; begin += room - stride) {
    const std::size_t end = std::min(begin + room, text.size());
    windows.emplace_back(text.begin() + static_cast<std::ptrdiff_t>(begin),
                         text.begin() + static_cast<std::ptrdiff_t>(end));
    if (end == text.size()) return windows;
  }
}

TEST(Tokenizer, ReadsALongTextInWindowsThatOverlap) {
  constexpr int32_t kLength = 10;
  for (const char* name : {"unigram", "byte_bpe", "wordpiece"}) {
    const std::filesystem::path path = kFolder / name;
    const Tokenizer whole = Tokenizer::load(path, {});
    for (const int32_t stride : {0, 1, 2}) {
      const Tokenizer tokenizer = Tokenizer::load(path, {.max_length = kLength, .windows = true, .stride = stride});
      std::string text;
      for (int words = 0; words < 40; ++words) {
        const std::vector<int32_t> ids = whole.encode(text_of(text)).input_ids;
        const std::vector<int32_t> inner(ids.begin() + 1, ids.end() - 1);
        std::vector<int32_t> expected;
        for (const auto& window : windows_of(inner, kLength - 2, static_cast<std::size_t>(stride))) {
          expected.push_back(ids.front());
          expected.insert(expected.end(), window.begin(), window.end());
          expected.push_back(ids.back());
        }
        const Encoding encoding = tokenizer.encode(text_of(text));
        EXPECT_EQ(encoding.input_ids, expected) << name << ", stride " << stride << ", " << words << " words";
        EXPECT_EQ(encoding.truncated, 0);
        text += words % 3 == 0 ? "the " : "peloton roule ";
      }
    }
  }
}

TEST(Tokenizer, APairsSecondTextStandsInEachWindow) {
  constexpr int32_t kLength = 16;
  const std::filesystem::path path = kFolder / "wordpiece";
  const Tokenizer tokenizer =
      Tokenizer::load(path, {.max_length = kLength, .token_types = true, .windows = true, .stride = 2});
  std::string many;
  for (int i = 0; i < 50; ++i) many += "the ";
  const Encoding one_window = tokenizer.encode({.first = "the", .second = many});
  EXPECT_EQ(one_window.input_ids.size(), static_cast<std::size_t>(kLength)) << "the second text has all that is left";
  EXPECT_GT(one_window.truncated, 0);
  const Encoding encoding = tokenizer.encode({.first = many, .second = "the"});
  EXPECT_EQ(encoding.truncated, 0);
  EXPECT_GT(encoding.input_ids.size(), static_cast<std::size_t>(kLength));
  EXPECT_EQ(encoding.token_type_ids.size(), encoding.input_ids.size());
  EXPECT_EQ(encoding.token_type_ids[kLength - 1], 1) << "the first window ends with the second text";
  EXPECT_EQ(encoding.token_type_ids[kLength], 0);
  const Encoding both = tokenizer.encode({.first = many, .second = many});
  EXPECT_GT(both.truncated, 0);
}

TEST(Tokenizer, RefusesAStrideThatLeavesNoStep) {
  for (const int32_t stride : {-1, 8, 1000}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { Tokenizer::load(kFolder / "wordpiece", {.max_length = 16, .windows = true, .stride = stride}); },
        "[stride] " + std::to_string(stride) + " tokens were given, expected 0 to 6 for windows of 16");
  }
}

}  // namespace
}  // namespace paceline
