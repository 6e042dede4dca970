#include "network/modernbert_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "network/rotary.h"
#include "network/testing/family_config.h"

namespace paceline {
namespace {

constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
constexpr ErrorCode kCorrupt = ErrorCode::kCorruptData;

// The original computes in fp32: powers within some last bits, and differences of them.
constexpr double kOfFp32 = 2e-6;

void expect_turned(const Rotary& rotary, const Json& expected) {
  EXPECT_NEAR(rotary.factor, expected["factor"].get<double>(), kOfFp32);
  ASSERT_EQ(rotary.frequencies.size(), expected["frequencies"].size());
  for (std::size_t d = 0; d < rotary.frequencies.size(); ++d) {
    const auto value = expected["frequencies"][d].get<double>();
    EXPECT_NEAR(rotary.frequencies[d], value, kOfFp32 * value) << d;
  }
}

/// A whole config.json of the case; its labels are the defaults.
Json whole(Json config) {
  config["model_type"] = "modernbert";
  return config;
}

TEST(ModernBertLayers, TurnAsInBothVersionsOfTransformers) {
  const Json versions = read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "rotary.json");
  ASSERT_EQ(versions.size(), 2u);
  for (const auto& [version, cases] : versions.items()) {
    EXPECT_GT(cases.size(), 10u);
    for (const Json& one : cases) {
      SCOPED_TRACE(one["config"].dump());
      const Network network = describe(whole(one["config"]));
      ASSERT_EQ(network.layers.size(), one["layers"].size());
      for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const SelfAttention& attention = network.layer(i).attention;
        EXPECT_EQ(attention.visible_before < 0, one["layers"][i]["all"].get<bool>()) << i;
        expect_turned(attention.rotary, one["layers"][i]);
      }
    }
  }
}

/// The config.json of a tiny model with changes that version 5 reads.
Json of_five(Json changes) {
  changes["transformers_version"] = "5.24.0";
  return family_config("modernbert-windows", changes);
}

TEST(ModernBertLayers, ReadTheOlderNameOfALayerType) {
  const Json types = {"attention", "sliding_attention", "attention", "full_attention"};
  const Network network = describe(of_five({{"layer_types", types}}));
  EXPECT_EQ(network.layer(1).attention.visible_after, 6);
  EXPECT_EQ(network.layer(2).attention.visible_after, -1);
}

TEST(ModernBertLayers, RefuseKindsThatAreNone) {
  const auto refused = [](ErrorCode code, const Json& types, const std::string& part) {
    expect_error(
        code,
        [&] {
          describe(of_five({{"layer_types", types}}));
        },
        "[config.json]", "layer_types", part);
  };
  refused(kUnsupported, Json(4, "chunked_attention"), "\"chunked_attention\"");
  refused(kCorrupt, Json(3, "full_attention"), "names 3 layers and \"num_hidden_layers\" is 4");
  refused(kCorrupt, "full_attention", "a list of texts");
  refused(kCorrupt, {"full_attention", 3, 4, 5}, "a list of texts");
}

/// The description of the layers that see all tokens must fail.
void expect_no_type(ErrorCode code, const Json& parameters, const std::string& part) {
  SCOPED_TRACE(parameters.dump());
  Json described = {{"full_attention", parameters}, {"sliding_attention", {{"rope_type", "default"}}}};
  expect_error(
      code,
      [&] {
        describe(of_five({{"rope_parameters", described}}));
      },
      "[config.json", part);
}

TEST(Rotary, RefusesWhatItCannotComputeExactly) {
  expect_no_type(kUnsupported, {{"rope_type", "axial"}}, "full_attention] \"rope_type\" is \"axial\"");
  expect_no_type(kUnsupported, {{"rope_type", "linear"}, {"factor", 2}, {"partial_rotary_factor", 0.5}}, "whole heads");
  expect_no_type(kUnsupported,
                 {{"rope_type", "longrope"}, {"original_max_position_embeddings", 32}, {"short_factor", {1, 1, 1, 1}}},
                 "\"original_max_position_embeddings\" 32, which turns longer sequences in another way");
  expect_no_type(kUnsupported, {{"rope_type", "default"}, {"mrope_section", {1, 1}}}, "\"mrope_section\" is no param");
}

TEST(Rotary, RefusesWhatIsMissingOrAbsurd) {
  expect_no_type(kCorrupt, {{"rope_type", "linear"}}, "\"factor\" is missing");
  expect_no_type(kCorrupt, {{"rope_type", "linear"}, {"factor", 0}}, "\"factor\" is 0");
  expect_no_type(kCorrupt, {{"rope_type", "default"}, {"rope_theta", nullptr}}, "\"rope_theta\" is missing");
  expect_no_type(kCorrupt, {{"rope_type", "yarn"}, {"factor", 2}, {"rope_theta", 1}}, "\"rope_theta\" is 1");
  expect_no_type(kCorrupt, {{"rope_type", "longrope"}, {"short_factor", {1, 2}}}, "\"short_factor\" has 2 numbers, 4");
  expect_no_type(kCorrupt, {{"rope_type", "longrope"}, {"short_factor", {1, 2, "3", 4}}}, "a list of numbers");
  expect_no_type(kCorrupt, {{"rope_type", "llama3"}, {"factor", 2}}, "\"low_freq_factor\" is missing");
  expect_no_type(kCorrupt, {{"rope_type", "llama3"}, {"factor", 2}, {"low_freq_factor", 2}, {"high_freq_factor", 2}},
                 "both 2");
  expect_no_type(kCorrupt, 3, "no object under \"full_attention\"");
}

TEST(ModernBertLayers, RefuseWhatTheVersionsReadInDifferentWays) {
  const auto refused = [](Json changes, const char* key, const std::string& part) {
    SCOPED_TRACE(changes.dump());
    expect_error(
        kUnsupported, [&] { describe(family_config("modernbert-windows", changes)); }, key, part);
  };
  const char* five = "5.24.0";
  refused({{"rope_parameters", {{"rope_type", "linear"}, {"factor", 2}}}, {"transformers_version", five}},
          "\"rope_parameters\"", "parameters under");
  refused({{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}, {"transformers_version", five}}, "rope_scaling",
          "transformers 5 passes it over");
  refused({{"rope_scaling", {{"type", "linear"}, {"factor", 2}, {"rope_theta", 3}}}}, "rope_scaling",
          "transformers 4 passes over");
  refused({{"partial_rotary_factor", 0.5}}, "partial_rotary_factor", "whole heads");
  refused({{"original_max_position_embeddings", 7}}, "original_max_position_embeddings", "within \"rope_parameters\"");
  refused({{"sliding_window", 5}}, "sliding_window", "half of it was expected");
}

TEST(ModernBertLayers, HaveWhoeverSavedThemLast) {
  Json config = read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "families" / "v5-modernbert-layer-types" /
                               "config.json");
  EXPECT_TRUE(modernbert_keys_not_read(config).empty());
  const auto sees_all = [&] {
    std::vector<bool> all;
    const Network network = describe(config);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      all.push_back(network.layer(i).attention.visible_before < 0);
    }
    return all;
  };
  const std::vector<bool> of_five = sees_all();
  config.erase("transformers_version");
  EXPECT_EQ(sees_all(), of_five) << "version 4 does not write rope_parameters of its own";
  config["transformers_version"] = "4.57.1";
  std::vector<bool> every_third;
  for (std::size_t i = 0; i < of_five.size(); ++i) every_third.push_back(i % 3 == 0);
  EXPECT_NE(of_five, every_third);
  EXPECT_EQ(sees_all(), every_third);
  EXPECT_THAT(modernbert_keys_not_read(config), testing::ElementsAre("layer_types", "rope_parameters"));
  EXPECT_THAT(config_notices(config, describe(config), "config.json"),
              testing::ElementsAre(testing::HasSubstr("passes over its \"layer_types\", \"rope_parameters\"")));
}

}  // namespace
}  // namespace paceline
