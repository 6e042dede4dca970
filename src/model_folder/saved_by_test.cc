#include "model_folder/saved_by.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

void expect_saved(const char* config, const char* tokenizer_config, const std::string& version, int model,
                  int tokenizer) {
  SCOPED_TRACE(std::string(config) + " " + tokenizer_config);
  const SavedBy saved = saved_by(Json::parse(config), Json::parse(tokenizer_config));
  EXPECT_EQ(saved.version, version);
  EXPECT_EQ(saved.model, model);
  EXPECT_EQ(saved.tokenizer, tokenizer);
}

TEST(SavedBy, TakesTheVersionOfConfigJson) {
  expect_saved(R"({"transformers_version":"4.57.1"})", "{}", "4.57.1", 4, 4);
  expect_saved(R"({"transformers_version":"5.17.0"})", "null", "5.17.0", 5, 5);
  expect_saved(R"({"transformers_version":"5.0.0rc1"})", "{}", "5.0.0rc1", 5, 5);
  expect_saved(R"({"transformers_version":"10.1"})", "{}", "10.1", 5, 5);
  expect_saved(R"({"transformers_version":"4.2"})", R"({"transformers_version":"5.1.0"})", "4.2", 4, 4);
}

TEST(SavedBy, IsFourWhereNothingIsSaid) {
  expect_saved("{}", "{}", "", 4, 4);
  expect_saved("null", "null", "", 4, 4);
  expect_saved("[]", R"({"transformers_version":"5.1.0"})", "5.1.0", 5, 5);
  expect_saved(R"({"transformers_version":5})", "{}", "", 4, 4);
  expect_saved(R"({"transformers_version":"new"})", "{}", "new", 4, 4);
  expect_saved(R"({"rope_parameters":{}})", "{}", "", 5, 4);
  expect_saved(R"({"rope_parameters":{},"transformers_version":"4.57.1"})", "{}", "4.57.1", 4, 4);
  expect_saved(R"({"transformers_version":"99999999999999999999"})", "{}", "99999999999999999999", 4, 4);
}

TEST(SavedBy, KnowsATokenizerOfFiveBesideAnyModel) {
  expect_saved(R"({"transformers_version":"4.57.1"})", R"({"backend":"tokenizers"})", "4.57.1", 4, 5);
  expect_saved(R"({"transformers_version":"4.57.1"})", R"({"backend":null})", "4.57.1", 4, 4);
  expect_saved(R"({"transformers_version":"4.57.1"})", R"({"tokenizer_class":"TokenizersBackend"})", "4.57.1", 4, 5);
  expect_saved("{}", R"({"extra_special_tokens":["<n>"]})", "", 4, 5);
  expect_saved("{}", R"({"extra_special_tokens":{"n_token":"<n>"}})", "", 4, 4);
  expect_saved("{}", R"({"backend":"custom","added_tokens_decoder":{}})", "", 4, 5);
}

TEST(SavedBy, KnowsATokenizerOfFourBesideAnyModel) {
  const char* five = R"({"transformers_version":"5.1.0"})";
  expect_saved(five, R"({"added_tokens_decoder":{}})", "5.1.0", 5, 4);
  expect_saved(five, R"({"backend":"tokenizers","added_tokens_decoder":{}})", "5.1.0", 5, 4);
  expect_saved(five, R"({"tokenizer_class":"BertTokenizerFast"})", "5.1.0", 5, 4);
  expect_saved(five, R"({"tokenizer_class":"BertTokenizer","do_lower_case":true})", "5.1.0", 5, 5);
}

TEST(SavedBy, SaysWhichVersionCannotBeRead) {
  const auto notice = [](const char* config) { return saved_by(Json::parse(config), Json()).notice; };
  for (const char* fine : {"{}", "null", R"({"transformers_version":null})", R"({"transformers_version":""})",
                           R"({"transformers_version":"5.0.0.dev0"})"}) {
    EXPECT_EQ(notice(fine), "") << fine;
  }
  EXPECT_EQ(
      notice(R"({"transformers_version":"99999999999999999999"})"),
      "transformers_version of config.json is \"99999999999999999999\", a version such as \"5.1.0\" was expected; "
      "the file is read as by version 4");
  EXPECT_NE(notice(R"({"transformers_version":5})").find("is 5, "), std::string::npos);
  EXPECT_NE(notice(R"({"transformers_version":"v5","rope_parameters":{}})").find("as by version 5"), std::string::npos);
}

TEST(SavedBy, SaysWhatShowsIt) {
  const auto because = [](const char* config, const char* tokenizer_config) {
    return saved_by(Json::parse(config), Json::parse(tokenizer_config)).tokenizer_because;
  };
  EXPECT_EQ(because("{}", "null"), "as nothing shows another version");
  EXPECT_EQ(because("{}", R"({"transformers_version":"5.1.0"})"),
            "as tokenizer_config.json's transformers_version 5.1.0 shows");
  EXPECT_EQ(because(R"({"transformers_version":"5.1.0"})", R"({"extra_special_tokens":["<n>"]})"),
            "as tokenizer_config.json's list of extra_special_tokens shows");
  EXPECT_EQ(because(R"({"transformers_version":"5.1.0"})", R"({"never_split":null})"),
            "as tokenizer_config.json's never_split shows, though config.json's transformers_version is 5.1.0");
  EXPECT_EQ(because(R"({"transformers_version":"new"})", R"({"backend":"tokenizers"})"),
            "as tokenizer_config.json's backend shows");
}

}  // namespace
}  // namespace paceline
