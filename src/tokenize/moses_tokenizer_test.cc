#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/json.h"
#include "base/testing/expect_error.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

using testing::ElementsAre;

Text text_of(std::string first) { return {.first = std::move(first), .second = std::nullopt}; }

/// A vocabulary of characters, inside and at the end of a word: every word is spelt out.
std::string vocabulary() {
  Json pieces;
  for (const char* special : {"<s>", "</s>", "<pad>", "<unk>", "<special0>", "<special1>", "ab</w>"}) {
    pieces[special] = pieces.size();
  }
  for (char c = '!'; c <= '~'; ++c) {
    pieces[std::string(1, c)] = pieces.size();
    pieces[c + std::string("</w>")] = pieces.size();
  }
  return pieces.dump();
}

std::map<std::string, std::string> files(const std::string& config) {
  return {{"tokenizer_config.json", config}, {"vocab.json", vocabulary()}, {"merges.txt", "a b</w> 17\n"}};
}

const std::string kXlm = R"({"tokenizer_class": "XLMTokenizer"})";
const std::string kFlaubert = R"({"tokenizer_class": "FlaubertTokenizer"})";

/// The words of a text, a blank behind each.
std::string words(const std::string& config, const std::string& text) {
  const Tokenizer tokenizer = Tokenizer::load(files(config), {}, "folder");
  std::string result;
  for (const int32_t id : tokenizer.encode(text_of(text)).input_ids) {
    std::string piece = tokenizer.token(id);
    if (piece == "<s>" || piece == "</s>") continue;
    const bool is_end = piece.ends_with("</w>");
    if (is_end) piece.resize(piece.size() - 4);
    result += piece;
    if (is_end) result += ' ';
  }
  return result;
}

TEST(MosesTokenizer, CutsEnglishWordsForXlm) {
  EXPECT_EQ(words(kXlm, "The dog's  (old) \"bone\", 1,234.5!"), "the dog 's ( old ) \" bone , \" 1,234.5 ! ");
  EXPECT_EQ(words(kXlm, "Mr. Smith saw No. 5 at the end."), "mr. smith saw no . 5 at the end . ");
  EXPECT_EQ(words(kXlm, "wait... what..now"), "wait ... what .. now ");
  EXPECT_EQ(words(kXlm, "\u00c9t\u00e9 \u00e0 N\u00eemes"), "ete a nimes ");
  EXPECT_EQ(words(R"({"tokenizer_class": "XLMTokenizer", "do_lowercase_and_remove_accent": false})", "No. 5 ABC"),
            "No. 5 ABC ");
}

TEST(MosesTokenizer, CutsFrenchWordsForFlaubert) {
  EXPECT_EQ(words(kFlaubert, "L'ami d'hier, aujourd'hui"), "L' ami d' hier , aujourd' hui ");
  EXPECT_EQ(words(kFlaubert, "\u00ab Oui \u00bb, dit-elle\u2026"), "\" Oui \" , dit-elle ... ");
  EXPECT_EQ(words(R"({"tokenizer_class": "FlaubertTokenizer", "do_lowercase": true})", "ABC etc. FIN."),
            "abc etc. fin . ");
}

// Of what follows the sigma newer Unicode holds one for no letter with cases, the other for no mark.
TEST(MosesTokenizer, KnowsAWordsLastSigmaAsUnicode14) {
  auto all = files(R"({"tokenizer_class": "FlaubertTokenizer", "do_lowercase": true})");
  all["vocab.json"] =
      "{\"<s>\": 0, \"</s>\": 1, \"<unk>\": 2, \"a\": 3, \"\u03c3\": 4, \"\u03c2\": 5, \"\u03c3</w>\": 6, "
      "\"\u03c2</w>\": 7}";
  all["merges.txt"] = "";
  const Tokenizer tokenizer = Tokenizer::load(all, {}, "folder");
  const auto second = [&](const std::string& text) { return tokenizer.encode(text_of(text)).input_ids.at(2); };
  EXPECT_EQ(second("A\u03a3"), 7);
  EXPECT_EQ(second("A\u03a3a"), 4);
  EXPECT_EQ(second("A\u03a3\u0295"), 4);
  EXPECT_EQ(second("A\u03a3\U0001171eA"), 6);
}

TEST(MosesTokenizer, JoinsPiecesAndTypesPairs) {
  const Tokenizer tokenizer = Tokenizer::load(files(kXlm), {.token_types = true}, "folder");
  const Encoding encoding = tokenizer.encode({.first = "ab", .second = "ab"});
  EXPECT_THAT(encoding.input_ids, ElementsAre(0, 6, 1, 6, 1));
  EXPECT_THAT(encoding.token_type_ids, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_EQ(tokenizer.origin(), "vocab.json + merges.txt + tokenizer_config.json");
}

TEST(MosesTokenizer, LeavesAnOddTokenToTheFirstText) {
  const Tokenizer tokenizer = Tokenizer::load(files(kXlm), {.max_length = 8, .token_types = true}, "folder");
  const auto length_of_first = [&](const std::string& first, const std::string& second) {
    const Encoding encoding = tokenizer.encode({.first = first, .second = second});
    EXPECT_EQ(encoding.input_ids.size(), 8U);
    EXPECT_EQ(encoding.truncated, static_cast<int32_t>(first.size() + second.size()) - 5);
    return std::count(encoding.token_type_ids.begin(), encoding.token_type_ids.end(), 0) - 2;
  };
  EXPECT_EQ(length_of_first("xxxxxx", "yyyyyyyy"), 3);
  EXPECT_EQ(length_of_first("xxxxxxxx", "yyyyyy"), 3);
  EXPECT_EQ(length_of_first("xx", "yyyyyy"), 2);
  EXPECT_EQ(length_of_first("xxxxxx", "y"), 4);
}

TEST(MosesTokenizer, TakesTimeInProportionToATextOfAnyKind) {
  const Tokenizer tokenizer = Tokenizer::load(files(kFlaubert), {}, "folder");
  for (const char* unit : {".", "a", "'", "a.", ",1", "DOT", "<special", "``", "\u0301", "ab"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    EXPECT_GT(tokenizer.encode(text_of(text)).input_ids.size(), 2U) << unit;
  }
}

TEST(MosesTokenizer, RefusesFilesThatItCannotFollow) {
  const auto load = [](const std::string& config, const std::string& merges) {
    auto all = files(config);
    all["merges.txt"] = merges;
    Tokenizer::load(all, {}, "folder");
  };
  expect_error(
      ErrorCode::kCorruptData, [&] { load(kXlm, "a\n"); }, "merges.txt", "two pieces");
  expect_error(
      ErrorCode::kUnsupported,
      [&] { load(R"({"tokenizer_class": "XLMTokenizer", "split_special_tokens": true})", ""); },
      "split_special_tokens");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(R"({"tokenizer_class": "FlaubertTokenizer", "unk_token": "nowhere"})", ""); },
      "nowhere");
  expect_error(
      ErrorCode::kNotFound,
      [&] {
        Tokenizer::load({{"tokenizer_config.json", kXlm}, {"vocab.json", vocabulary()}}, {}, "folder");
      },
      "merges.txt");
}

}  // namespace
}  // namespace paceline
