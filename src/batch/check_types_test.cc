#include "batch/check_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "batch/check_batch.h"
#include "paceline/error.h"

namespace paceline {
namespace {

Network network_of(WithoutTypes without, int32_t types) {
  Network network;
  network.architecture = "xlm";
  network.vocab_size = 9;
  network.max_tokens = 8;
  network.outputs = 1;
  network.token_types = types;
  network.without_types = without;
  return network;
}

template <class Action>
std::string refusal(ErrorCode code, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "";
}

TEST(CheckTypes, AFileHasTheInputThatTheModelIsHanded) {
  const auto check = [](WithoutTypes without, int32_t types, bool has_input) {
    return refusal(ErrorCode::kUnsupported,
                   [&] { check_types_input(network_of(without, types), has_input, "own.onnx"); });
  };
  EXPECT_EQ(check(WithoutTypes::kNothing, 2, true), "");
  EXPECT_EQ(check(WithoutTypes::kNothing, 1, false), "");
  EXPECT_THAT(check(WithoutTypes::kNothing, 1, true),
              testing::HasSubstr("the tokenizer hands out none: xlm then adds"));
  EXPECT_THAT(check(WithoutTypes::kNothing, 2, false), testing::HasSubstr("[own.onnx] the file takes no token types"));
  for (const bool has_input : {false, true}) {  // zeros say the same as none
    EXPECT_EQ(check(WithoutTypes::kFirst, 1, has_input), "");
    EXPECT_EQ(check(WithoutTypes::kFirst, 2, has_input), "");
  }
}

TEST(CheckTypes, OtherTypesThanTheFirstAreNotLost) {
  PackedBatch batch{.input_ids = {1, 2}, .token_type_ids = {}, .cu_seqlens = {0, 2}, .max_seqlen = 2};
  const auto refused = [&] { return refusal(ErrorCode::kUnsupported, [&] { refuse_lost_types(batch, "own.onnx"); }); };
  EXPECT_EQ(refused(), "");
  batch.token_type_ids = {0, 0};
  EXPECT_EQ(refused(), "");
  batch.token_type_ids = {0, 1};
  EXPECT_THAT(refused(), testing::HasSubstr("tokens of type 1"));
}

TEST(CheckTypes, AModelThatDiffersWithoutTypesIsNotGivenZeros) {
  const PackedBatch batch{.input_ids = {1, 2}, .token_type_ids = {}, .cu_seqlens = {0, 2}, .max_seqlen = 2};
  const auto refused = [&](WithoutTypes without, int32_t types) {
    return refusal(ErrorCode::kInvalidArgument, [&] { check_batch(batch, network_of(without, types), 1); });
  };
  EXPECT_THAT(refused(WithoutTypes::kNothing, 2), testing::HasSubstr("no token_type_ids were given"));
  EXPECT_EQ(refused(WithoutTypes::kNothing, 1), "");
  EXPECT_EQ(refused(WithoutTypes::kFirst, 2), "");
}

}  // namespace
}  // namespace paceline
