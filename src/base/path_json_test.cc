#include "base/path_json.h"

#include <gtest/gtest.h>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

TEST(PathJson, EveryNameComesBackThroughText) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& name : {std::string("/models/a"), std::string("caf\xC3\xA9"), std::string("caf\xE9"),
                                  std::string("100%41 \xFF\xFE"), all, std::string()}) {
    const Json json{{"file", path_to_json(name)}};
    const Json read = parse_json(json.dump(), "test");
    EXPECT_EQ(json_path(read, "file", "test").native(), name);
  }
}

TEST(PathJson, IsReadableWhereItCanBe) {
  EXPECT_EQ(path_to_json("/m/caf\xC3\xA9 50%"), Json("/m/caf\xC3\xA9 50%"));
  EXPECT_EQ(path_to_json("/m/caf\xE9"), (Json{{"percent_encoded", "/m/caf%E9"}}));
}

TEST(PathJson, ABrokenOneIsRefused) {
  for (const char* text : {"%", "a%4", "%4g", "%00", "% 1", "%-1"}) {
    expect_error(
        ErrorCode::kCorruptData,
        [&] {
          json_path(Json{{"file", {{"percent_encoded", text}}}}, "file", "plan");
        },
        "[plan]", "file");
  }
  expect_error(
      ErrorCode::kCorruptData,
      [&] {
        json_path(Json{{"file", 5}}, "file", "plan");
      },
      "file");
  expect_error(
      ErrorCode::kCorruptData, [&] { json_path(Json::object(), "file", "plan"); }, "file");
  EXPECT_EQ(json_path(Json::object(), "file", "plan", fs::path("x")), "x");
}

}  // namespace
}  // namespace paceline
