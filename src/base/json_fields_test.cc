#include "base/json_fields.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/testing/expect_error.h"

namespace paceline {

enum class Colour { kRed, kBlue };
inline constexpr EnumNames<Colour, 2> kColours = {{{Colour::kRed, "red"}, {Colour::kBlue, "blue"}}};

struct Wheel {
  int32_t spokes = 1;
  double radius = 0;
};

struct Vehicle {
  std::string name = "bicycle";
  std::string owner;
  bool fast = false;
  double price = 0;
  double weight = 0;
  uint64_t seed = 0;
  Colour colour = Colour::kRed;
  bool has_frame = false;
  Wheel frame;
  std::vector<Wheel> wheels, spare;
  std::vector<std::string> tags;
  std::vector<double> times;
  std::map<std::string, float> shares;
  std::filesystem::path home;
};

void fields(auto& visitor, FieldsOf<Wheel> auto& is) {
  visitor.integer("spokes", is.spokes, {.low = 1, .high = 99, .required = true});
  visitor.number("radius", is.radius);
}

void fields(auto& visitor, FieldsOf<Vehicle> auto& is) {
  visitor.name("name", is.name);
  visitor.text("owner", is.owner, {.null_if_empty = true});
  visitor.flag("fast", is.fast);
  visitor.figure("price", is.price, is.price > 0);
  visitor.number("weight", is.weight, {.high = 100});
  visitor.integer("seed", is.seed);
  visitor.choice("colour", is.colour, kColours);
  visitor.object_or_null("frame", is.has_frame, [&](auto& frame) { fields(frame, is.frame); });
  visitor.rows("wheels", is.wheels, [](auto& row, auto& wheel) { fields(row, wheel); }, {.most = 3});
  visitor.columns("spare", is.spare);
  visitor.texts("tags", is.tags, {.written = !is.tags.empty()});
  visitor.numbers("times", is.times);
  visitor.numbers_by_name("shares", is.shares, {.written = !is.shares.empty()});
  visitor.path("home", is.home, {.written = !is.home.empty()});
  visitor.repeated("count", is.wheels.size());
  visitor.check(is.wheels.size() != 2, [] { return "two wheels fall over"; });
}

namespace {

std::string written(const Vehicle& vehicle) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  fields(visitor, vehicle);
  return json.dump();
}

Vehicle read(const std::string& text) {
  const Json json = parse_json(text, "v.json");
  const JsonFieldReader visitor(json, "v.json", {.hint = "Buy another."});
  Vehicle vehicle;
  fields(visitor, vehicle);
  return vehicle;
}

void expect_refused(const std::string& text, const std::string& message) {
  expect_error(
      ErrorCode::kCorruptData, [&] { read(text); }, message);
}

TEST(JsonFields, TheOrderOfTheDescriptionIsTheFiles) {
  EXPECT_EQ(written({}),
            R"({"name":"bicycle","owner":null,"fast":false,"price":null,"weight":0.0,"seed":0,"colour":"red",)"
            R"("frame":null,"wheels":[],"times":[],"count":0})");
}

TEST(JsonFields, WhatWasWrittenComesBack) {
  const Vehicle vehicle{.name = "car",
                        .owner = "me",
                        .fast = true,
                        .price = 7.5,
                        .weight = 9,
                        .seed = UINT64_MAX,
                        .colour = Colour::kBlue,
                        .has_frame = true,
                        .frame = {.spokes = 2, .radius = 3},
                        .wheels = {{.spokes = 4}, {}, {}},
                        .spare = {{.spokes = 5, .radius = 0.5}, {.spokes = 6}},
                        .tags = {"a", "b"},
                        .times = {1, 0.5},
                        .shares = {{"a", 0.5F}},
                        .home = "/caf\xE9"};
  const std::string text = written(vehicle);
  EXPECT_NE(text.find(R"("spare":{"spokes":[5,6],"radius":[0.5,0.0]})"), std::string::npos) << text;
  EXPECT_EQ(written(read(text)), text);
}

TEST(JsonFields, WhatIsMissingKeepsItsValue) {
  const Vehicle read_back = read(R"({"name": "x", "colour": null, "wheels": null})");
  EXPECT_EQ(read_back.colour, Colour::kRed);
  EXPECT_FALSE(read_back.has_frame);
}

TEST(JsonFields, NullIsRefusedWhereAFileNeverHasIt) {
  const auto read_strictly = [](const std::string& text) {
    const Json json = parse_json(text, "v.json");
    Vehicle vehicle;
    const JsonFieldReader visitor(json, "v.json", {.refuses_null = true});
    fields(visitor, vehicle);
  };
  read_strictly(R"({"name": "x", "owner": null, "price": null, "frame": null})");
  for (const std::string key : {"colour", "wheels", "spare", "tags", "times", "shares"}) {
    expect_error(
        ErrorCode::kCorruptData, [&] { read_strictly(R"({"name": "x", ")" + key + R"(": null})"); }, key);
  }
}

TEST(JsonFields, NullIsNoNumber) {
  const Vehicle read_back = read(R"({"name": "x", "weight": null, "price": null})");
  EXPECT_TRUE(std::isnan(read_back.weight));
  EXPECT_EQ(read_back.price, 0);
}

TEST(JsonFields, WhatIsWrongIsNamedWithItsPlace) {
  expect_refused("[]", "[v.json] a JSON object was expected. Buy another.");
  expect_refused("{}", "\"name\" is missing");
  expect_refused(R"({"name": ""})", "\"name\" is empty");
  expect_refused(R"({"name": "x", "weight": 101})", "a number from 0 to 100");
  expect_refused(R"({"name": "x", "colour": "green"})", "one of red, blue was expected");
  expect_refused(R"({"name": "x", "seed": -1})", "\"seed\" is no whole number from 0");
  expect_refused(R"({"name": "x", "frame": {}})", "[v.json: frame] \"spokes\" is missing");
  expect_refused(R"({"name": "x", "wheels": [{"spokes": 3}, {"spokes": 0}]})", "[v.json: wheels[1]] \"spokes\" is 0");
  expect_refused(R"({"name": "x", "wheels": [{}, {}, {}, {}]})", "4 entries, at most 3");
  expect_refused(R"({"name": "x", "wheels": {}})", "\"wheels\" is no list");
  expect_refused(R"({"name": "x", "wheels": [{"spokes": 3}, {"spokes": 3}]})", "two wheels fall over. Buy another.");
  expect_refused(R"({"name": "x", "spare": {"spokes": [1, 2], "radius": [1]}})", "all alike were expected");
  expect_refused(R"({"name": "x", "spare": {"spokes": [1, 100]}})", "[v.json: spare[1]] \"spokes\" is 100");
  expect_refused(R"({"name": "x", "spare": {"radius": [1]}})", "\"spokes\" is missing");
  expect_refused(R"({"name": "x", "tags": [1]})", "\"tags\" holds 1, texts were expected");
  expect_refused(R"({"name": "x", "shares": {"a": "b"}})", "\"shares\" holds \"b\", numbers were expected");
  expect_refused(R"({"name": "x", "times": [-1]})", "\"times\" holds -1, numbers from 0 were expected");
}

}  // namespace
}  // namespace paceline
