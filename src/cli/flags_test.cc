#include "cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/notices.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// The message with which a value is refused; fails the test where it is not, or with another code.
std::string refusal(const Setter& set, const std::string& value) {
  try {
    set(value);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  ADD_FAILURE() << "\"" << value << "\" was not refused";
  return "";
}

TEST(Flags, Durations) {
  EXPECT_EQ(parse_duration("60s"), 60);
  EXPECT_EQ(parse_duration("5m"), 300);
  EXPECT_EQ(parse_duration("2min"), 120);
  EXPECT_EQ(parse_duration("1.5h"), 5400);
  EXPECT_EQ(parse_duration("90"), 90);
  for (const char* bad : {"", "m", "5x", "-5s", "0s", "5 m", "nan", "infs", "1e9h"}) {
    EXPECT_THROW(parse_duration(bad), Error) << bad;
  }
}

TEST(Flags, Sizes) {
  EXPECT_EQ(parse_bytes("4GB"), 4'000'000'000);
  EXPECT_EQ(parse_bytes("512MiB"), 512LL << 20);
  EXPECT_EQ(parse_bytes("1000"), 1000);
  for (const char* bad : {"", "GB", "4gb", "-1", "0", "1e30", "4G"}) EXPECT_THROW(parse_bytes(bad), Error) << bad;
}

TEST(Flags, IntegersAreWholeAndInRange) {
  int32_t value = 7;
  const Setter set = set_integer(value, 1, 10);
  set("10");
  EXPECT_EQ(value, 10);
  for (const char* bad : {"", "0", "11", "3.5", "3x", "99999999999999999999", " 3", "0x3"}) refusal(set, bad);
  EXPECT_EQ(value, 10);
}

TEST(Flags, ListsReplaceTheDefault) {
  std::vector<int32_t> sizes{1, 2, 4};
  set_integers(sizes, 1, 64)("8,16");
  EXPECT_EQ(sizes, (std::vector<int32_t>{8, 16}));
  for (const char* bad : {"", "1,", ",1", "1,,2", "1,65"}) refusal(set_integers(sizes, 1, 64), bad);
  std::vector<Order> orders;
  set_orders(orders)("length,input");
  EXPECT_EQ(orders, (std::vector<Order>{Order::kLength, Order::kInput}));
  EXPECT_THROW(set_orders(orders)("lenght"), Error);
}

TEST(Flags, AListNamesEachValueOnce) {
  std::vector<int32_t> sizes;
  for (const char* bad : {"8,8", "1,8,2,8", "8,08"}) {
    EXPECT_THAT(refusal(set_integers(sizes, 1, 64), bad), testing::HasSubstr("8 stands there twice")) << bad;
  }
  std::vector<std::string> names;
  EXPECT_THAT(refusal(set_list(names), "native,torch-eager,native"), testing::HasSubstr("native stands there twice"));
  std::vector<Order> orders;
  EXPECT_THAT(refusal(set_orders(orders), "input,input"), testing::HasSubstr("input stands there twice"));
  EXPECT_THAT(refusal(set_devices(names), "cpu,cpu"), testing::HasSubstr("cpu stands there twice"));
}

TEST(Flags, NumbersStayInTheirRange) {
  double value = 0;
  set_number(value, 0, 1)("0.25");
  EXPECT_EQ(value, 0.25);
  for (const char* bad : {"", "1.5", "-0.1", "nan", "0.5x"}) refusal(set_number(value, 0, 1), bad);
}

TEST(Flags, AnUnknownValueGetsTheNearest) {
  std::string value;
  const std::string message = refusal(set_known(value, {"throughput", "latency"}), "thruput");
  EXPECT_NE(message.find("Did you mean \"throughput\"?"), std::string::npos) << message;
  RowFormat format = RowFormat::kAuto;
  const Setter set = set_choice(format, {{"csv", RowFormat::kCsv}, {"jsonl", RowFormat::kJsonl}});
  set("jsonl");
  EXPECT_EQ(format, RowFormat::kJsonl);
  EXPECT_NE(refusal(set, "json").find("jsonl"), std::string::npos);
}

TEST(Flags, DelimitersHaveNames) {
  char value = '\0';
  for (const char* given : {"tab", "\t", "\\t"}) {
    value = '\0';
    set_delimiter(value)(given);
    EXPECT_EQ(value, '\t') << given;
  }
  set_delimiter(value)("semicolon");
  EXPECT_EQ(value, ';');
  set_delimiter(value)("|");
  EXPECT_EQ(value, '|');
  for (const char* bad : {"", "x", ",,", "Tab", "\""}) refusal(set_delimiter(value), bad);
}

TEST(ExitCodes, EveryErrorHasTheOneOfTheDocuments) {
  EXPECT_EQ(exit_code(ErrorCode::kInternal), 1);
  EXPECT_EQ(exit_code(ErrorCode::kInvalidArgument), 2);
  EXPECT_EQ(exit_code(ErrorCode::kNotFound), 3);
  EXPECT_EQ(exit_code(ErrorCode::kUnsupported), 3);
  EXPECT_EQ(exit_code(ErrorCode::kCorruptData), 3);
  EXPECT_EQ(exit_code(ErrorCode::kUnavailable), 4);
  EXPECT_EQ(exit_code(ErrorCode::kResourceExhausted), 7);
  EXPECT_EQ(exit_code(ErrorCode::kDeadlineExceeded), 8);
}

TEST(Flags, ThresholdsAndWeightsByLabel) {
  LabelOptions labels;
  set_threshold(labels)("0.5");
  EXPECT_EQ(labels.threshold, 0.5F);
  set_threshold(labels)("a=b=0.25,c=1");
  EXPECT_FALSE(labels.threshold.has_value()) << "each call replaces";
  EXPECT_EQ(labels.label_thresholds, (std::map<std::string, float>{{"a=b", 0.25F}, {"c", 1.0F}}));
  set_threshold(labels)("0.5,c=0");
  EXPECT_EQ(labels.threshold, 0.5F);
  set_class_weights(labels)("a=2,b=0.5");
  EXPECT_EQ(labels.class_weights, (std::map<std::string, float>{{"a", 2.0F}, {"b", 0.5F}}));
  for (const char* bad :
       {"", "x", "1.5", "-1", "a=", "a=0.5,", "nan", "a=inf", "a=0.5,a=0.6", "\"a\"=0.5,a=0.5", "0.5,0.6"}) {
    EXPECT_THROW(set_threshold(labels)(bad), Error) << bad;
  }
  EXPECT_NE(refusal(set_threshold(labels), "a, b=0.5").find("double quotes"), std::string::npos);
  for (const char* bad : {"", "2", "a=0", "a=-1", "a=nan"}) EXPECT_THROW(set_class_weights(labels)(bad), Error) << bad;
}

TEST(Flags, LabelsWithCommasStandInQuotes) {
  LabelOptions labels;
  set_threshold(labels)("\"a, b\"=0.25,c=1,\"say \"\"x=y\"\"\"=0.5,\"\"=0,0.75");
  const std::map<std::string, float> expected{{"a, b", 0.25F}, {"c", 1.0F}, {"say \"x=y\"", 0.5F}, {"", 0.0F}};
  EXPECT_EQ(labels.label_thresholds, expected);
  EXPECT_EQ(labels.threshold, 0.75F);
  set_class_weights(labels)("\"a, b\"=2");
  EXPECT_EQ(labels.class_weights, (std::map<std::string, float>{{"a, b", 2.0F}}));
  for (const char* bad : {"\"a", "\"a\"", "\"a\"0.5", "\"a\"=", "\"a\"=x", "\"a\"b=1", "\""}) {
    EXPECT_THROW(set_threshold(labels)(bad), Error) << bad;
    EXPECT_THROW(set_class_weights(labels)(bad), Error) << bad;
  }
}

TEST(Flags, WindowsFlagsNeedWindows) {
  EXPECT_FALSE(long_text_options({}, std::nullopt, "classify").has_value());
  EXPECT_THROW(long_text_options({.stride = 3}, std::nullopt, "classify"), Error);
  const LongTextOptions planned{.mode = LongTextOptions::Mode::kWindow, .stride = 7};
  const auto changed = long_text_options({.combine_over = "logits"}, planned, "classify");
  EXPECT_TRUE(changed->over_logits);
  EXPECT_EQ(changed->stride, 7) << "as planned";
  EXPECT_THROW(long_text_options({.mode = LongTextOptions::Mode::kTruncate, .stride = 3}, planned, "classify"), Error);
}

}  // namespace
}  // namespace paceline
