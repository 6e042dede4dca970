#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "rows/row_readers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Row> rows_of(std::string_view bytes, const RowReaderOptions& options = {}) {
  const auto reader = open_rows(make_memory_source(bytes), "a.json", options);
  std::vector<Row> rows;
  for (Row row; reader->next(row);) rows.push_back(row);
  return rows;
}

std::vector<std::string> texts_of(const std::vector<Row>& rows) {
  std::vector<std::string> texts;
  for (const Row& row : rows) texts.push_back(row.error.empty() ? row.text.first : "error: " + row.error);
  return texts;
}

TEST(JsonReader, EachElementIsARow) {
  const std::vector<Row> rows = rows_of(
      "[\n {\n  \"text\": \"caf\\u00e9 ] }\",\n  \"n\":\t[1.0, {\"a\": \"\\\"\"}]\n },\n {\"text\": \"b\"}, "
      "{\"text\":\"c\"}\r\n]\n");
  EXPECT_THAT(texts_of(rows), ElementsAre("caf\xC3\xA9 ] }", "b", "c"));
  EXPECT_EQ(rows[0].raw, "{\"text\": \"caf\\u00e9 ] }\",\"n\":\t[1.0, {\"a\": \"\\\"\"}]}")
      << "one line, else as it stands";
  EXPECT_EQ(rows[1].raw, "{\"text\": \"b\"}");
}

TEST(JsonReader, StringsAreTextsToo) {
  const std::vector<Row> rows = rows_of("[\"a\", \"b \\\"c\\\\\" ,\n\"\"]");
  EXPECT_THAT(texts_of(rows), ElementsAre("a", "b \"c\\", ""));
  EXPECT_EQ(rows[1].raw, "{\"text\": \"b \\\"c\\\\\"}");
  EXPECT_THAT(texts_of(rows_of("[\"a\"]", {.text_column = "review"})), ElementsAre(HasSubstr("the key \"review\"")));
  EXPECT_THAT(texts_of(rows_of("[\"a\"]", {.pair_column = "other"})), ElementsAre(HasSubstr("the key \"other\"")));
}

TEST(JsonReader, PairsAndOtherKeys) {
  const std::vector<Row> rows =
      rows_of("[{\"a\": \"x\", \"b\": \"y\"}, {\"a\": \"x\"}]", {.text_column = "a", .pair_column = "b"});
  EXPECT_EQ(rows[0].text.second, "y");
  EXPECT_THAT(rows[1].error, HasSubstr("[element 2, line 1] no key \"b\""));
}

TEST(JsonReader, NoRowsAndSeveralArrays) {
  EXPECT_THAT(rows_of("[]"), IsEmpty());
  EXPECT_THAT(rows_of(" [ ] \n"), IsEmpty());
  EXPECT_THAT(texts_of(rows_of("[\"a\"]\n[\"b\"]\n")), ElementsAre("a", "b"));
}

TEST(JsonReader, WhatIsNoTextIsARowWithAnError) {
  const std::vector<Row> rows =
      rows_of("[1, null, NaN, [\"x\"], {\"text\": 5}, {\"text\": \"a\" \"b\"}, \"\\ud83d\", {\"text\": \"good\"}]");
  EXPECT_THAT(texts_of(rows),
              ElementsAre(HasSubstr("[element 1, line 1] a JSON number"), HasSubstr("a JSON null"),
                          HasSubstr("not valid JSON"), HasSubstr("a JSON array"), HasSubstr("is a JSON number"),
                          HasSubstr("not valid JSON"), HasSubstr("not valid JSON"), "good"));
  EXPECT_EQ(rows[2].raw, "NaN");
  EXPECT_EQ(rows[5].raw, "{\"text\": \"a\" \"b\"}");
}

TEST(JsonReader, GoesOnBehindWhatIsBroken) {
  EXPECT_THAT(texts_of(rows_of("[\n{\"text\": \"a},\n{\"text\": \"b\"},\n\"c\"]")),
              ElementsAre(HasSubstr("[element 1, line 2]"), "b", "c"))
      << "a string ends with its line";
  const auto key = HasSubstr("a key outside an object");
  EXPECT_THAT(texts_of(rows_of("[\n{\"text\": \"a\",\n\"b\": {\n\"text\": \"b\"},\n{\"text\": \"c\"}\n]")),
              ElementsAre(HasSubstr("[element 1, line 2] a value that does not end"), key, key, "c"));
  const auto cut = texts_of(rows_of("[{\"text\": \"a\"},\n{\"text\": \"b\"},\n{\"text\": \"c"));
  EXPECT_THAT(cut, ElementsAre("a", "b", HasSubstr("[element 3, line 3] the input ends within its JSON array")));
  const std::vector<Row> in_a_key = rows_of("[{\"text\": \"a\"}, {\"te");
  EXPECT_THAT(texts_of(in_a_key), ElementsAre("a", HasSubstr("[element 2, line 1] the input ends within")));
  EXPECT_EQ(in_a_key.back().raw, "{\"te");
  EXPECT_THAT(texts_of(rows_of("[{\"text\": \"a\"}] and more\n[\"b\"]")),
              ElementsAre("a", HasSubstr("text outside the array"), "b"));
}

TEST(JsonReader, CommasStandBetweenElements) {
  const auto lacking = HasSubstr("an element without a comma before it");
  EXPECT_THAT(texts_of(rows_of(R"([{"text": "a"} {"text": "b"}, "c" "d"])")), ElementsAre("a", lacking, "c", lacking));
  EXPECT_THAT(rows_of("[\"a\"\n\"b\"]")[1].error, HasSubstr("[element 2, line 2]"));
  EXPECT_EQ(rows_of(R"(["a" {"text": "b"}])")[1].raw, R"({"text": "b"})");
  EXPECT_THAT(texts_of(rows_of("[\"a\", \"b\",\n]")),
              ElementsAre("a", "b", HasSubstr("[element 3, line 2] a comma with no element behind it")));
  EXPECT_THAT(texts_of(rows_of(R"([, "a",, "b"])")),
              ElementsAre(HasSubstr("a comma with no element before it"), "a", HasSubstr("[element 3"), "b"));
  const auto second = HasSubstr("a second array on the line of the first");
  EXPECT_THAT(texts_of(rows_of("[\"a\"] [\"b\"]\n[\"c\"]")), ElementsAre("a", second, "b", "c"));
  EXPECT_THAT(texts_of(rows_of("[\n\"a\"\n][\n\"b\"\n]\n")), ElementsAre("a", second, "b"));
}

TEST(JsonReader, BoundsTheElement) {
  const std::string longer = "{\"text\": \"" + std::string(200'000, 'x') + "\"}";
  const RowReaderOptions options{.max_row_bytes = 1000};
  EXPECT_THAT(texts_of(rows_of("[" + longer + ", \"b\", {\"text\":\n\"c\"}]", options)),
              ElementsAre(HasSubstr("longer than the 1000 bytes"), "b", "c"));
  std::string open = "[";
  for (int i = 0; i < 1000; ++i) open += "{\n";
  EXPECT_EQ(rows_of(open).size(), 1001U) << "each line, and the end";
  const std::string deep = "{\"text\": \"x\", \"y\": " + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_THAT(texts_of(rows_of("[" + deep + ", \"b\"]")), ElementsAre(HasSubstr("deeper than the 64 levels"), "b"));
}

TEST(JsonReader, NeverEchoesInvalidBytes) {
  const std::vector<Row> rows = rows_of("[{\"text\": \"\xFF\"}, \"b\"]");
  EXPECT_THAT(texts_of(rows), ElementsAre(HasSubstr("byte 10 is not UTF-8"), "b"));
  EXPECT_EQ(rows[0].raw, "{\"text\": \"\xEF\xBF\xBD\"}");
}

// JSON in another layout is refused as a whole.
TEST(JsonReader, WantsAnArrayOrAnObjectALine) {
  const auto open = [](std::string_view bytes, const char* path, RowFormat format = RowFormat::kAuto) {
    return [=] { open_rows(make_memory_source(bytes), path, {.format = format}); };
  };
  const ErrorCode code = ErrorCode::kCorruptData;
  expect_error(code, open("{\n  \"data\": []\n}", "a.json"), "a JSON object over several lines", "jq -c");
  expect_error(code, open("{\n  \"data\": []\n}", "a.jsonl"), "a JSON object over several lines");
  expect_error(code, open("text", "a.json"), "begins with \"t\"");
  expect_error(code, open("{\"text\": \"a\"}", "-", RowFormat::kJson), "begins with \"{\"");
  EXPECT_NO_THROW(open("{\"text\": \"a\"}\n{\"text\": \"b\"}\n", "a.json")());
}

}  // namespace
}  // namespace paceline
