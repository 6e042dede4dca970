#include "base/json.h"

#include <string>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

TEST(ParseJson, BuildsWhatTheLibraryBuilds) {
  for (const char* text : {"null", "3", "-2.5", "\"a\"", "[]", "{}", "[1,[2,{\"a\":[]}],null]",
                           R"({"a":{"b":[true,false,{"c":"d"}]},"e":18446744073709551615})"}) {
    EXPECT_EQ(parse_json(text, "t"), Json::parse(text)) << text;
  }
}

TEST(ParseJson, RefusesAKeyGivenTwice) {
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json(R"({"a":1,"a":2})", "f"); }, "[f]", "\"a\" stands twice");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json(R"([{"b":{"c":1,"d":2,"c":3}}])", "f"); }, "\"c\"");
  EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":1}])", "f"));
}

TEST(ParseJson, RefusesDepthAndSizeBeyondTheLimits) {
  const JsonLimits limits{.max_bytes = 20, .max_depth = 3};
  EXPECT_NO_THROW(parse_json("[[[1]]]", "f", limits));
  expect_error(
      ErrorCode::kCorruptData, [&] { parse_json("[[[[1]]]]", "f", limits); }, "deeper than 3");
  expect_error(
      ErrorCode::kCorruptData, [&] { parse_json(std::string(21, ' '), "f", limits); }, "21 bytes");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json(std::string(1'000'000, '['), "f"); }, "deeper than 64");
}

TEST(ParseJson, SaysWhereItWentWrong) {
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("[1, x]", "f"); }, "byte 4", "\"x]\"");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("[1, 2", "f"); }, "byte 5", "truncated");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("", "f"); }, "byte 0");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("1e999", "f"); }, "beyond a double");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("{} x", "f"); }, "byte 3");
  expect_error(
      ErrorCode::kCorruptData, [] { parse_json("[\"\xff\"]", "f"); }, "UTF-8");
}

TEST(ParseJson, RefusesWhatStandsBehindANul) {
  using namespace std::string_literals;
  for (const std::string& text : {"{}\0"s, "{}\0garbage"s, "{\0}"s}) {
    expect_error(
        ErrorCode::kCorruptData, [&] { parse_json(text, "f"); }, "at byte " + std::to_string(text.find('\0')), "NUL");
  }
  EXPECT_NO_THROW(parse_json(R"(["\u0000"])", "f"));
}

TEST(ParseJson, EchoesLittleOfWhatItRefuses) {
  const std::string key(100'000, 'k');
  try {
    parse_json("{\"" + key + "\":1,\"" + key + "\":2}", "f");
    FAIL();
  } catch (const Error& error) {
    EXPECT_LT(std::string(error.what()).size(), 200u);
  }
}

TEST(ReadJsonFile, NamesTheFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "config.json", "{\"a\": 1}");
  EXPECT_EQ(read_json_file(folder / "config.json").at("a"), 1);
  write_file_atomically(folder / "config.json", "{");
  expect_error(
      ErrorCode::kCorruptData, [&] { read_json_file(folder / "config.json"); }, "config.json]");
  expect_error(
      ErrorCode::kNotFound, [&] { read_json_file(folder / "other.json"); }, "other.json");
  write_file_atomically(folder / "config.json",
                        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 650\n");
  expect_error(
      ErrorCode::kCorruptData, [&] { read_json_file(folder / "config.json"); }, "config.json]", "a pointer of Git LFS",
      "git lfs pull");
}

class JsonField : public testing::Test {
 protected:
  const Json object_ = Json::parse(
      R"({"one":1,"big":18446744073709551615,"half":0.5,"text":"abc","yes":true,"null":null,"list":[1,2]})");
};

TEST_F(JsonField, ReadsEachKind) {
  EXPECT_EQ(json_integer(object_, "one", "f", 0, 10), 1);
  EXPECT_EQ(json_number(object_, "half", "f", 0, 1), 0.5);
  EXPECT_EQ(json_number(object_, "one", "f", 0, 1), 1.0);
  EXPECT_EQ(json_string(object_, "text", "f"), "abc");
  EXPECT_TRUE(json_bool(object_, "yes", "f"));
}

TEST_F(JsonField, FallsBackWhereMissingOrNull) {
  EXPECT_EQ(json_integer(object_, "none", "f", 0, 10, 7), 7);
  EXPECT_EQ(json_integer(object_, "null", "f", 0, 10, 7), 7);
  EXPECT_EQ(json_number(object_, "none", "f", 0, 1, 0.25), 0.25);
  EXPECT_EQ(json_string(object_, "null", "f", "x"), "x");
  EXPECT_FALSE(json_bool(object_, "none", "f", false));
}

TEST_F(JsonField, NamesTheFieldAndItsValue) {
  const ErrorCode corrupt = ErrorCode::kCorruptData;
  expect_error(
      corrupt, [&] { json_integer(object_, "none", "f", 0, 1); }, "[f]", "\"none\" is missing");
  expect_error(
      corrupt, [&] { json_integer(object_, "one", "f", 2, 9, 3); }, "\"one\" is 1", "from 2 to 9");
  expect_error(
      corrupt, [&] { json_integer(object_, "half", "f", 0, 9); }, "\"half\" is 0.5");
  expect_error(
      corrupt, [&] { json_integer(object_, "text", "f", 0, 9); }, "\"text\" is \"abc\"");
  expect_error(
      corrupt, [&] { json_integer(object_, "big", "f", -9, 9); }, "18446744073709551615");
  expect_error(
      corrupt, [&] { json_number(object_, "yes", "f", 0, 1); }, "\"yes\" is true", "a number");
  expect_error(
      corrupt, [&] { json_number(object_, "half", "f", 1, 2); }, "0.5");
  expect_error(
      corrupt, [&] { json_string(object_, "list", "f"); }, "\"list\" is [1,2]", "a string");
  expect_error(
      corrupt, [&] { json_bool(object_, "one", "f"); }, "true or false");
  expect_error(
      corrupt, [&] { json_bool(Json::array(), "one", "f"); }, "JSON object");
}

}  // namespace
}  // namespace paceline
