#include "evaluate/expected_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/expect_error.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ProblemType kSingle = ProblemType::kSingleLabelClassification;
constexpr ProblemType kMulti = ProblemType::kMultiLabelClassification;
constexpr ErrorCode kCorrupt = ErrorCode::kCorruptData;

const std::vector<std::string> kMoods{"joy", "anger", "fear, cold"};

TEST(ExpectedLabels, NamesAndNumbersAreAccepted) {
  ExpectedLabels names(kMoods, kSingle);
  EXPECT_EQ(names.form(), std::nullopt);
  EXPECT_THAT(names.of_field("anger").labels, ElementsAre(1));
  EXPECT_THAT(names.of_field(" fear, cold ").labels, ElementsAre(2));
  EXPECT_THAT(names.of_json("joy").labels, ElementsAre(0));
  EXPECT_EQ(names.form(), LabelForm::kNames);
  ExpectedLabels numbers(kMoods, kSingle);
  EXPECT_THAT(numbers.of_json(2).labels, ElementsAre(2));
  EXPECT_THAT(numbers.of_field("1").labels, ElementsAre(1));
  EXPECT_THAT(numbers.of_field("0.0").labels, ElementsAre(0));
  EXPECT_EQ(numbers.form(), LabelForm::kNumbers);
}

TEST(ExpectedLabels, TheFirstDecides) {
  ExpectedLabels labels(kMoods, kSingle);
  labels.of_field("1");
  expect_error(
      kCorrupt, [&] { labels.of_field("joy"); }, "is the name \"joy\", but those before are numbers");
}

TEST(ExpectedLabels, ANumberThatIsANameIsTheName) {
  ExpectedLabels stars({"1", "2", "3"}, kSingle);
  EXPECT_THAT(stars.of_json(1).labels, ElementsAre(0));
  EXPECT_THAT(stars.of_field("3").labels, ElementsAre(2));
  expect_error(
      kCorrupt, [&] { stars.of_field("0"); }, "is the number \"0\", but those before are names");
}

TEST(ExpectedLabels, WhatTheModelLacksIsNamed) {
  ExpectedLabels labels(kMoods, kSingle);
  expect_error(
      kCorrupt, [&] { labels.of_field("jay"); }, "the model has no label \"jay\". Did you mean \"joy\"?");
  for (const char* number : {"3", "-1", "1.5", "1e99", "nan"}) {
    expect_error(
        kCorrupt, [&] { labels.of_field(number); }, "Their numbers are 0 to 2.");
  }
  expect_error(
      kCorrupt, [&] { labels.of_field(" "); }, "no label: the field is empty");
  expect_error(
      kCorrupt, [&] { labels.of_json(nullptr); }, "no label: it is null");
  expect_error(
      kCorrupt, [&] { labels.of_json(Json::array({1})); }, "a JSON array");
}

TEST(ExpectedLabels, ANameThatTwoLabelsHaveSaysNothing) {
  ExpectedLabels labels({"good", "bad", "good"}, kSingle);
  expect_error(
      kCorrupt, [&] { labels.of_field("good"); }, "\"good\", which config.json calls 2 of its labels");
  EXPECT_THAT(labels.of_field("2").labels, ElementsAre(2));
}

TEST(ExpectedLabels, SeveralStandInListsAndFields) {
  ExpectedLabels labels(kMoods, kMulti);
  EXPECT_THAT(labels.of_field("").labels, IsEmpty());
  EXPECT_THAT(labels.of_field("anger").labels, ElementsAre(1));
  EXPECT_THAT(labels.of_field("fear, cold").labels, ElementsAre(2));
  EXPECT_THAT(labels.of_field("fear, cold|joy").labels, ElementsAre(0, 2));
  EXPECT_THAT(labels.of_field("joy, anger,joy").labels, ElementsAre(0, 1));
  EXPECT_THAT(labels.of_field(R"(["joy","fear, cold"])").labels, ElementsAre(0, 2));
  EXPECT_THAT(labels.of_json(Json::array()).labels, IsEmpty());
  expect_error(
      kCorrupt, [&] { labels.of_json(nullptr); }, "no label: it is null");
  EXPECT_THAT(labels.of_json({"anger", "joy"}).labels, ElementsAre(0, 1));
  expect_error(
      kCorrupt,
      [&] {
        labels.of_json({"joy", "sad"});
      },
      "no label \"sad\"");
}

TEST(ExpectedLabels, ListsOfZerosAndOnesSayWhichLabelsThereAre) {
  ExpectedLabels labels(kMoods, kMulti);
  EXPECT_FALSE(labels.said_yes_or_no());
  EXPECT_THAT(labels.of_json({0.0, 1.0, 1.0}).labels, ElementsAre(1, 2));
  EXPECT_TRUE(labels.said_yes_or_no());
  EXPECT_THAT(labels.of_json({true, false, false}).labels, ElementsAre(0));
  EXPECT_THAT(labels.of_json({0, 0, 1}).labels, ElementsAre(2));
  EXPECT_EQ(labels.form(), std::nullopt);
  EXPECT_THAT(labels.of_json({0, 2}).labels, ElementsAre(0, 2));
  EXPECT_THAT(labels.of_field("1,0,1").labels, ElementsAre(0, 2));
  EXPECT_THAT(labels.of_field("0.0|0.0|0.0").labels, IsEmpty());
  EXPECT_THAT(labels.of_field("0,1").labels, ElementsAre(0, 1));
  for (const char* wrong : {"1,0,0,1", "0.0,1.0", "[1.0, 0.0]", "[true]", "[2, 2]"}) {
    expect_error(
        kCorrupt, [&] { labels.of_field(wrong); }, "needs 3 items, one for each label");
  }
  ExpectedLabels two({"a", "b"}, kMulti);
  expect_error(
      kCorrupt, [&] { two.of_field("0,1"); }, "[0,1], which may be the labels 0 and 1");
  EXPECT_THAT(two.of_json({1, 1}).labels, ElementsAre(0, 1));
  expect_error(
      kCorrupt,
      [&] {
        two.of_json({1, 0});
      },
      "[1,0], which may be the labels 0 and 1");
}

TEST(ExpectedLabels, ARegressionHasNumbers) {
  ExpectedLabels one({"LABEL_0"}, ProblemType::kRegression);
  EXPECT_EQ(one.of_field(" -2.5").value, -2.5);
  EXPECT_EQ(one.of_json(3).value, 3);
  EXPECT_EQ(one.of_json("1e-3").value, 1e-3);
  expect_error(
      kCorrupt, [&] { one.of_field("good"); }, "expected a number: the model is a regression");
  expect_error(
      kCorrupt, [&] { one.of_field("inf"); }, "expected a number");
  expect_error(
      ErrorCode::kUnsupported, [] { ExpectedLabels(kMoods, ProblemType::kRegression); },
      "a regression with 3 outputs, expected one");
}

}  // namespace
}  // namespace paceline
