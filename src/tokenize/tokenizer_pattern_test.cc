#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

const std::filesystem::path kTokenizer = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers/unigram/tokenizer.json";

Text text_of(std::string first) { return {.first = std::move(first), .second = std::nullopt}; }

/// A tokenizer that splits at a pattern.
Tokenizer load_split(const std::string& pattern) {
  const TemporaryFolder folder;
  Json json = read_json_file(kTokenizer);
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  write_file_atomically(folder / "tokenizer.json", json.dump());
  return Tokenizer::load(folder.path(), {});
}

/// More than a text may have where a pattern's cost grows with the square.
const std::string kLong(20'001, 'n');

TEST(TokenizerPattern, InUseTakesTextsOfAnyLength) {
  for (const char* pattern :
       {R"(\s+)", " {2,}", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
        R"(\s+(?!\S)|\s+)",
        R"(<\|startoftext\|>|'s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", R"([\[\](){}]|[]a]+)", "a{,3}b{x}",
        R"((?<!\d)\d{1,3}(?=\d{3}|x))", "a+(?:b|c)?"}) {
    EXPECT_NO_THROW(load_split(pattern).encode(text_of(kLong))) << pattern;
  }
}

TEST(TokenizerPattern, ThatGoesBackOverATextLimitsIt) {
  for (const char* pattern : {R"(\w+(?= the))", "[^x]*x|.", R"(\d+\.\d+)", "a{2,}b", "(?:a+|b)c", "(?:a+)?c",
                              R"([\p{Lu}\p{M}]*[\p{Ll}\p{M}]+(?i:'s)?)", R"(\s*x|.)"}) {
    const Tokenizer tokenizer = load_split(pattern);
    EXPECT_NO_THROW(tokenizer.encode(text_of("ab 1.5"))) << pattern;
    expect_error(
        ErrorCode::kUnsupported, [&] { tokenizer.encode(text_of(kLong)); }, "20001 bytes", "at most 20000");
  }
}

TEST(TokenizerPattern, OfUnboundedCostIsRefused) {
  const std::string deep(60, '(');
  for (const std::string& pattern : {std::string("(a+)+b"),         std::string("(?:a*)*"),
                                     std::string("(?i:(x|y+)z)*"),  std::string("(a{2}){3}"),
                                     std::string(R"((\w+)\1)"),     std::string(R"((?<n>a)\k<n>)"),
                                     std::string(R"(\g<0>)"),       std::string("(?=.*x)y"),
                                     std::string("(?<!a+)b"),       std::string("(?(1)a|b)"),
                                     std::string("(?~ab)"),         std::string("a{100000}"),
                                     std::string("a*{9}"),          std::string("a++*"),
                                     std::string("(((a+)))*"),      deep,
                                     std::string("[^x]*[^x]*x|."),  std::string("a*a*a*a*b"),
                                     std::string("(?:a+b+)c"),      std::string("a+b+c"),
                                     std::string(R"(\s*\s*x|\s+)"), std::string(5000, 'a')}) {
    SCOPED_TRACE(pattern);
    expect_error(
        ErrorCode::kUnsupported, [&] { load_split(pattern); }, "tokenizer.json: the pre_tokenizer's pattern",
        "for ever");
  }
}

TEST(TokenizerPattern, InANormalizersSequenceIsRefusedToo) {
  const TemporaryFolder folder;
  Json json = read_json_file(kTokenizer);
  json["normalizer"]["normalizers"].push_back(
      {{"type", "Replace"}, {"pattern", {{"Regex", "(a|a+)*b"}}}, {"content", ""}});
  write_file_atomically(folder / "tokenizer.json", json.dump());
  expect_error(
      ErrorCode::kUnsupported, [&] { Tokenizer::load(folder.path(), {}); }, "normalizer's pattern");
}

TEST(TokenizerPattern, ThatTakesLongAllTheSameGivesUp) {
  // Each run of blanks is gone over again for every blank in it.
  const Tokenizer tokenizer = load_split("\\s+[^\\s\\S]|\\s+");
  const std::string blanks(3'000'000, ' ');
  expect_error(
      ErrorCode::kCorruptData, [&] { tokenizer.encode(text_of(blanks + "a")); }, "gave up");
  EXPECT_FALSE(tokenizer.encode(text_of("le vent")).input_ids.empty());
}

TEST(TokenizerPattern, SearchesLongTextsWithoutGivingUp) {
  const Tokenizer tokenizer = load_split("\\S+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
  EXPECT_NO_THROW(tokenizer.encode(text_of(std::string(500'000, ' '))));
  EXPECT_NO_THROW(tokenizer.encode(text_of(std::string(2'000'000, 'a'))));
}

}  // namespace
}  // namespace paceline
