#include "checkpoint/name_pattern.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace paceline {
namespace {

/// As PEFT puts it around a key.
std::optional<NamePattern> pattern_of(const std::string& key) {
  return NamePattern::parse(fmt::format("(.*\\.)?({})$", key));
}

TEST(NamePattern, MatchesTheNamesThatPeftMatches) {
  const Json golden = read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "adapters" / "patterns.json");
  const auto names = golden.at("names").get<std::vector<std::string>>();
  ASSERT_GT(golden.at("matched").size(), 40U);
  for (const auto& [key, places] : golden.at("matched").items()) {
    const std::optional<NamePattern> pattern = pattern_of(key);
    if (!pattern) {
      EXPECT_NE(key.find("\\x"), std::string::npos) << key;
      continue;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool expected = std::find(places.begin(), places.end(), i) != places.end();
      EXPECT_EQ(pattern->matches(names[i]), expected) << key << " and " << names[i];
    }
  }
}

TEST(NamePattern, WhatItDoesNotReadIsNone) {
  for (const char* key : {"(?=a)b",   "(?!a)b",       "(?<=a)b",  "(?<!a)b",  "(a)\\1", "(?i)a",
                          "(?i:a)",   "(?P=a)",       "\\bquery", "\\Bquery", "a**",    "a*+",
                          "a++",      "*a",           "+",        "?a",       "{2}a",   "a{2}{3}",
                          "^*",       "a{3,2}",       "[a",       "[]",       "[z-a]",  "[\\d-z]",
                          "(a",       "a)",           "\\",       "\\q",      "\\x41",  "\\N{DIGIT ONE}",
                          "a{99999}", "qu\xC3\xA9ry", "(?P<a"}) {
    EXPECT_FALSE(pattern_of(key)) << key;
  }
  EXPECT_FALSE(NamePattern::parse(std::string(100, '(') + "a" + std::string(100, ')'))) << "deeper than any pattern";
}

TEST(NamePattern, NoPatternTakesForEver) {
  const std::string name(200, 'a');
  EXPECT_EQ(pattern_of("(a+)+b")->matches(name), false);
  EXPECT_EQ(pattern_of("(a|aa)+")->matches(name), true);
  EXPECT_EQ(pattern_of("(a?){200}a{200}")->matches(name), true);
  std::string nested = "a";
  for (int i = 0; i < 25; ++i) nested = fmt::format("({}?){{50}}", nested);
  EXPECT_EQ(pattern_of(nested + "b")->matches(name), false);
  EXPECT_EQ(pattern_of("(a|b)*c")->matches(std::string(5000, 'a')), std::nullopt) << "no module has such a name";
  EXPECT_EQ(pattern_of("qu.+ry")->matches("qu\xC3\xA9ry"), false) << "names are ASCII";
}

}  // namespace
}  // namespace paceline
