// Long texts are encoded in pieces. Every token must be the one that the whole text gives.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

constexpr int32_t kStride = 1;

/// A tokenizer that stops behind the tokens wanted, the same one that reads on since it has to count, one that makes
/// windows, and one without a limit, for which these texts are too short to be cut.
struct Readers {
  Tokenizer cutting;
  Tokenizer counting;
  Tokenizer windows;
  Tokenizer whole;
  int32_t max_length = 0;
};

Readers load_readers(const std::map<std::string, std::string>& files, int32_t max_length) {
  const auto load = [&](const TokenizerOptions& options) { return Tokenizer::load(files, options, "folder"); };
  return {.cutting = load({.max_length = max_length, .token_types = true}),
          .counting = load({.max_length = max_length, .token_types = true, .count_truncated = true}),
          .windows = load({.max_length = max_length, .token_types = true, .windows = true, .stride = kStride}),
          .whole = load({.token_types = true}),
          .max_length = max_length};
}

Readers load_changed(const std::string& name, int32_t max_length, const std::function<void(Json&)>& change) {
  Json json = read_json_file(kFolder / name / "tokenizer.json");
  change(json);
  return load_readers({{"tokenizer.json", json.dump()}}, max_length);
}

using Ids = std::vector<int32_t>;

/// The ids between the special tokens of a text, one before and one behind.
Ids body_of(const Readers& readers, const std::string& text) {
  const Ids ids = readers.whole.encode({.first = text, .second = std::nullopt}).input_ids;
  return {ids.begin() + 1, ids.end() - 1};
}

/// `count` ids from `start` with their special tokens.
void append_part(const Readers& readers, const Ids& body, std::size_t start, std::size_t count, Ids& out) {
  const Ids empty = readers.whole.encode({.first = "", .second = std::nullopt}).input_ids;
  const std::size_t end = std::min(body.size(), start + count);
  out.push_back(empty.front());
  out.insert(out.end(), body.begin() + static_cast<std::ptrdiff_t>(start),
             body.begin() + static_cast<std::ptrdiff_t>(end));
  out.push_back(empty.back());
}

/// A text as the whole text's ids say.
void expect_parts_of_whole(const Readers& readers, const std::string& first) {
  const Text text{.first = first, .second = std::nullopt};
  const Ids body = body_of(readers, first);
  const auto room = static_cast<std::size_t>(readers.max_length) - 2;
  Ids start;
  append_part(readers, body, 0, room, start);
  const Encoding counted = readers.counting.encode(text);
  EXPECT_EQ(counted.input_ids, start) << first;
  EXPECT_EQ(counted.truncated, static_cast<int32_t>(body.size() - std::min(body.size(), room))) << first;
  Ids windows;
  for (std::size_t at = 0;; at += room - kStride) {
    append_part(readers, body, at, room, windows);
    if (at + room >= body.size()) break;
  }
  EXPECT_EQ(readers.windows.encode(text).input_ids, windows) << first;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == '|') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

const std::vector<std::string> kWords = split(
    "le|peloton|roule|vent|l'\u00e9t\u00e9|\u0153ufs|n'y|the|a|riders|1 874|7,5 %|o\u00f9|(fin)|\u2014|x|12|"
    "Stra\u00dfe|\u0432\u0435\u0442\u0435\u0440|\u03ac\u03bd\u03b5\u03bc\u03bf\u03c2|\u05e8\u05d5\u05d7|"
    "\u0631\u064a\u062d|\u0939\u0935\u093e|\ubc14\ub78c|gi\u00f3");

/// What normalizers, pre-tokenizers and added tokens stumble over: special tokens in clear, the blank's own sign,
/// marks, odd white space, bidi, controls, joiners, other normal forms, signs that a Replace looks for.
const std::vector<std::string> kHostile = split(
    "<s>|</s>|<mask>| <mask> |<pad>|[SEP]|[MASK]|##|\u2581|\u0120|\u200b|\u200d|\ufeff|\u0301|\u0345|\u00a0|"
    "\u2003|\u2028|\u3000|\u202e|e\u0301|\u212b|\u0130|\u00df|\ufb03|\u037a|\u00a8|\u0600|\ufe70|"
    "\u1100\u1161|\u65e5|\u0e33|\u094d|\u0915\u094d|\ufffd|\x1b|\x7f|\u0085|\t|\r|\n|\r\n|   |``|''|`|SPIN|"
    "spin|\U0001f1eb");

class TextMaker {
 public:
  explicit TextMaker(uint32_t seed) : random_(seed) {}

  std::string make(std::size_t bytes) {
    const int hostile_percent = std::vector<int>{0, 10, 60}[below(3)];
    const int blank_percent = std::vector<int>{90, 60, 20}[below(3)];
    std::string text;
    while (text.size() < bytes) {
      text += pick(percent(hostile_percent) ? kHostile : kWords);
      if (percent(hostile_percent) && percent(3)) text += '\0';
      if (percent(blank_percent)) text += percent(10) ? "  " : " ";
    }
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool percent(int share) { return static_cast<int>(below(100)) < share; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  std::mt19937 random_;
};

/// Encodes texts and pairs all ways. Returns how many were not read to their end.
int compare(const Readers& tokenizers, uint32_t seed, int texts) {
  TextMaker maker(seed);
  int cut = 0;
  for (int i = 0; i < texts; ++i) {
    Text text{.first = maker.make(3000), .second = std::nullopt};
    if (i % 3 == 2) text.second = maker.make(i % 2 == 0 ? 3000 : 100);
    expect_parts_of_whole(tokenizers, text.first);
    const Encoding got = tokenizers.cutting.encode(text);
    const Encoding expected = tokenizers.counting.encode(text);
    EXPECT_EQ(got.input_ids, expected.input_ids) << i << ": " << text.first;
    EXPECT_EQ(got.token_type_ids, expected.token_type_ids) << i;
    EXPECT_EQ(got.truncated > 0, expected.truncated > 0) << i;
    EXPECT_LE(got.truncated, expected.truncated) << i;
    cut += got.truncated < expected.truncated ? 1 : 0;
  }
  return cut;
}

Json added_token(int id, const std::string& content, const std::string& property) {
  Json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", false}};
  if (!property.empty()) token[property] = true;
  return token;
}

Json replace(const std::string& kind, const std::string& pattern, const std::string& content) {
  return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
}

Json sequence(const std::string& list, const std::vector<Json>& stages) {
  return {{"type", "Sequence"}, {list, stages}};
}

TEST(LongText, HasTheTokensOfTheWholeText) {
  uint32_t seed = 0;
  for (const std::string name : {"unigram", "byte_bpe", "wordpiece"}) {
    for (const int32_t max_length : {7, 8, 33, 128}) {
      SCOPED_TRACE(name + ", " + std::to_string(max_length));
      const Readers tokenizers = load_changed(name, max_length, [](Json&) {});
      // Texts without a blank between letters are encoded whole, so not all of them can be cut.
      EXPECT_GT(compare(tokenizers, ++seed, 30), 10);
    }
  }
}

TEST(LongText, HasTheTokensOfTheWholeTextWhateverItsStages) {
  const Json blanks = replace("Regex", " {2,}", "\u2581");
  const Json strip = {{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}};
  const auto type = [](const std::string& name) { return Json{{"type", name}}; };
  const std::vector<Json> normalizers = {
      nullptr,
      type("NFKC"),
      sequence("normalizers", {type("NFD"), type("StripAccents"), type("Lowercase")}),
      // ALBERT's and XLNet's
      sequence("normalizers", {replace("String", "``", "\""), replace("String", "''", "\""), type("NFKD"),
                               type("StripAccents"), type("Lowercase"), blanks}),
      sequence("normalizers", {type("Nmt"), type("NFKC"), strip, blanks}),
  };
  const Json metaspace = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}};
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}};
  const std::vector<Json> pre_tokenizers = {
      metaspace,
      type("Whitespace"),
      sequence("pretokenizers", {type("WhitespaceSplit"), metaspace}),
      sequence("pretokenizers",
               {byte_level, {{"type", "Digits"}, {"individual_digits", true}}, {{"type", "Punctuation"}}}),
  };
  uint32_t seed = 100;
  for (const Json& normalizer : normalizers) {
    for (const Json& pre_tokenizer : pre_tokenizers) {
      SCOPED_TRACE(normalizer.dump() + pre_tokenizer.dump());
      const Readers tokenizers = load_changed("unigram", 40, [&](Json& json) {
        json["normalizer"] = normalizer;
        json["pre_tokenizer"] = pre_tokenizer;
        int id = 344;
        for (const std::string property : {"", "single_word", "lstrip", "rstrip", "normalized"}) {
          json["added_tokens"].push_back(added_token(id++, "SPIN" + property, property));
          json["added_tokens"].push_back(added_token(id++, "vent" + property.substr(0, 1), property));
        }
      });
      EXPECT_GT(compare(tokenizers, ++seed, 18), 5);
    }
  }
}

TEST(LongText, IsEncodedWholeWhereAStageCouldLookFurther) {
  const Json metaspace = read_json_file(kFolder / "unigram/tokenizer.json").at("pre_tokenizer");
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& json) { json["pre_tokenizer"] = nullptr; },
      [](Json& json) { json["pre_tokenizer"]["split"] = false; },
      [](Json& json) { json["pre_tokenizer"]["prepend_scheme"] = "first"; },
      [](Json& json) { json["pre_tokenizer"]["replacement"] = "_"; },
      [](Json& json) {
        json["pre_tokenizer"] = {{"type", "FixedLength"}, {"length", 5}};
      },
      [&](Json& json) {
        json["pre_tokenizer"] = sequence("pretokenizers", {{{"type", "Punctuation"}}, metaspace});
      },
      [](Json& json) {
        json["pre_tokenizer"] = {
            {"type", "Split"}, {"pattern", {{"Regex", "\\w+(?= the)"}}}, {"behavior", "Isolated"}, {"invert", false}};
      },
      [](Json& json) {
        json["normalizer"] = {{"type", "Prepend"}, {"prepend", "\u2581"}};
      },
      [](Json& json) { json["normalizer"] = replace("Regex", "t(?= the)", "d"); },
      [](Json& json) { json["normalizer"] = replace("Regex", " +", ""); },
      [](Json& json) { json["normalizer"] = replace("String", "t t", "d"); },
      [](Json& json) { json["normalizer"] = replace("String", " ", "\u2581"); },
      [](Json& json) { json["added_tokens"].push_back(added_token(344, "vent the", "")); },
      [](Json& json) { json["model"]["unk_id"] = nullptr; },
  };
  Text text{.first = "", .second = std::nullopt};
  while (text.first.size() < 4000) text.first += "vent the riders ";
  const Readers good = load_changed("unigram", 40, [](Json&) {});
  EXPECT_LT(good.cutting.encode(text).truncated, good.counting.encode(text).truncated);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Readers tokenizers = load_changed("unigram", 40, changes[i]);
    EXPECT_EQ(tokenizers.cutting.encode(text).truncated, tokenizers.counting.encode(text).truncated) << i;
  }
}

TEST(LongText, IsEncodedWholeWithoutABlankToCutAt) {
  const Readers tokenizers = load_changed("unigram", 40, [](Json&) {});
  for (const std::string part : {"vent", "  ", "\u65e5\u672c", "\u0301 ", "<s>", "vent\n"}) {
    Text text{.first = "", .second = std::nullopt};
    while (text.first.size() < 4000) text.first += part;
    EXPECT_EQ(tokenizers.cutting.encode(text).truncated, tokenizers.counting.encode(text).truncated) << part;
  }
}

// A token that takes the blank behind it along may not end a piece.
TEST(LongText, HasTheTokensOfTheWholeTextWhereTokensTakeBlanks) {
  for (const std::string property : {"lstrip", "rstrip"}) {
    const Readers readers = load_changed("byte_bpe", 12, [&](Json& json) {
      json["added_tokens"].push_back(added_token(600, "vent", property));
      json["added_tokens"].push_back(added_token(601, "riders", property));
    });
    EXPECT_GT(compare(readers, 7, 30), 10);
    std::string text;
    while (text.size() < 4000) text += "vent riders vent ";
    expect_parts_of_whole(readers, text);
  }
}

TEST(LongText, IsCutBetweenIdeographsWhereTheyAreWords) {
  TextMaker maker(9);
  std::string text;
  while (text.size() < 4000) text += maker.make(10) + "\u65e5\u672c\u4e2d\u570b\u4eba";
  const Readers plain = load_changed("wordpiece", 12, [](Json&) {});
  expect_parts_of_whole(plain, text);
  std::string ideographs;
  while (ideographs.size() < 4000) ideographs += "\u65e5\u672c\u4e2d";
  expect_parts_of_whole(plain, ideographs);
  const auto truncated = [&](const Tokenizer& tokenizer) {
    return tokenizer.encode({.first = ideographs, .second = std::nullopt}).truncated;
  };
  EXPECT_LT(truncated(plain.cutting), truncated(plain.counting));
  for (const char* property : {"single_word", "normalized"}) {
    const Readers readers = load_changed("wordpiece", 12, [&](Json& json) {
      json["added_tokens"].push_back(added_token(247, "\u65e5\u672c", property));
    });
    expect_parts_of_whole(readers, text);
    EXPECT_EQ(truncated(readers.cutting), truncated(readers.counting));
  }
  const Readers together =
      load_changed("wordpiece", 12, [](Json& json) { json["normalizer"]["handle_chinese_chars"] = false; });
  expect_parts_of_whole(together, text);
  EXPECT_EQ(truncated(together.cutting), truncated(together.counting));
}

// What the settings beside a tokenizer.json change: the end is kept, and tokens found by an old normalizer.
TEST(LongText, HasTheTokensOfTheWholeTextWhateverItsSettings) {
  Json json = read_json_file(kFolder / "wordpiece/tokenizer.json");
  json["added_tokens"].push_back(added_token(247, "\u65e5", "normalized"));
  json["added_tokens"].push_back(added_token(248, "VENT", "normalized"));
  const char* config =
      R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false, "tokenize_chinese_chars": false})";
  const Readers readers = load_readers({{"tokenizer.json", json.dump()}, {"tokenizer_config.json", config}}, 12);
  compare(readers, 8, 30);

  const Tokenizer left = Tokenizer::load(
      {{"tokenizer.json", json.dump()},
       {"tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "truncation_side": "left"})"}},
      {.max_length = 12}, "folder");
  std::string text;
  while (text.size() < 3000) text += "le vent roule ";
  const Readers plain = load_readers({{"tokenizer.json", json.dump()}}, 12);
  const Ids body = body_of(plain, text);
  Ids end;
  append_part(plain, body, body.size() - 10, 10, end);
  const Encoding encoding = left.encode({.first = text, .second = std::nullopt});
  EXPECT_EQ(encoding.input_ids, end);
  EXPECT_EQ(encoding.truncated, static_cast<int32_t>(body.size()) - 10);
}

}  // namespace
}  // namespace paceline
