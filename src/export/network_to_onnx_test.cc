#include "export/network_to_onnx.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;

using Counts = std::map<std::string, int>;

class NetworkToOnnx : public testing::Test {
 protected:
  // The graph alone: the checkpoint behind its weights is gone.
  static OnnxModel graph(const OnnxExportOptions& options, const Json& config = tiny_config(),
                         TokenTypes types = TokenTypes::kAsSaved) {
    const TemporaryFolder folder;
    write_tiny_checkpoint(folder.path(), config);
    const Checkpoint checkpoint = Checkpoint::open(folder.path(), {.token_types = types});
    return network_to_onnx(checkpoint, options, "0123");
  }

  static Counts counts(const OnnxModel& model) {
    Counts counts;
    for (const OnnxNode& node : model.nodes) ++counts[node.op];
    return counts;
  }

  static void expect_made_before_read(const OnnxModel& model) {
    std::set<std::string> made = names(model.inputs);
    for (const OnnxInitializer& tensor : model.initializers) EXPECT_TRUE(made.insert(tensor.name).second);
    for (const OnnxNode& node : model.nodes) {
      for (const std::string& input : node.inputs) EXPECT_TRUE(made.contains(input)) << node.name << " reads " << input;
      for (const std::string& output : node.outputs) {
        EXPECT_TRUE(made.insert(output).second) << output << " is made twice";
      }
    }
    for (const OnnxValueInfo& output : model.outputs) EXPECT_TRUE(made.contains(output.name));
  }

  static std::set<std::string> names(const std::vector<OnnxValueInfo>& values) {
    std::set<std::string> names;
    for (const OnnxValueInfo& value : values) names.insert(value.name);
    return names;
  }
};

// Two layers: each six dense layers, two norms, one Gelu, two residuals; the head has two dense layers and a Tanh.
TEST_F(NetworkToOnnx, FastUsesTheOperatorsThatRunFastest) {
  const OnnxModel model = graph({.form = OnnxForm::kFast});
  EXPECT_EQ(model.opset, 23);
  const Counts found = counts(model);
  EXPECT_THAT(found, IsSupersetOf(std::initializer_list<Counts::value_type>{{"Attention", 2},
                                                                            {"Gemm", 14},
                                                                            {"Gelu", 2},
                                                                            {"LayerNormalization", 5},
                                                                            {"Add", 5},
                                                                            {"Tanh", 1},
                                                                            {"Expand", 1}}));
  for (const char* slow : {"MatMul", "Softmax", "Erf", "Transpose"}) EXPECT_EQ(found.count(slow), 0U) << slow;
}

TEST_F(NetworkToOnnx, UnpaddedGathersRealRowsAroundAttention) {
  const Counts found = counts(graph({.form = OnnxForm::kUnpadded}));
  EXPECT_THAT(found, IsSupersetOf(std::initializer_list<Counts::value_type>{
                         {"Attention", 2}, {"Gemm", 14}, {"NonZero", 1}, {"CumSum", 2}}));
  // Ids, words, places and positions; first token and its row; three in and one out of the first block, two into the
  // last.
  EXPECT_EQ(found.at("Gather"), 4 + 2 + 4 + 2);
}

TEST_F(NetworkToOnnx, PortableKeepsToWhatItsOpsetHas) {
  for (int opset = 11; opset <= 21; ++opset) {
    SCOPED_TRACE(opset);
    const OnnxModel model = graph({.form = OnnxForm::kPortable, .opset = opset});
    const Counts found = counts(model);
    EXPECT_EQ(model.opset, opset);
    EXPECT_EQ(found.count("Attention"), 0U);
    EXPECT_EQ(found.at("Softmax"), 2);
    EXPECT_EQ(found.count("LayerNormalization"), opset >= 17 ? 1U : 0U);
    EXPECT_EQ(found.count("Gelu"), opset >= 20 ? 1U : 0U);
    EXPECT_EQ(found.count("Erf"), opset < 20 ? 1U : 0U);
  }
  EXPECT_EQ(graph({.form = OnnxForm::kPortable}).opset, 17);
}

TEST_F(NetworkToOnnx, EveryInputOfANodeIsMadeBeforeIt) {
  for (const OnnxForm form : {OnnxForm::kFast, OnnxForm::kUnpadded, OnnxForm::kPortable}) {
    for (const char* compute_type : {"fp32", "int8"}) {
      SCOPED_TRACE(fmt::format("{} {}", onnx_form_name(form), compute_type));
      expect_made_before_read(
          graph({.form = form, .compute_type = compute_type, .opset = form == OnnxForm::kPortable ? 11 : 0}));
    }
  }
}

// Six dense layers a block, none of the head's. What one value feeds is quantised once: the first block's input, its
// attention's output, the input of its feed-forward layers and what lies between them; the last block's query besides.
TEST_F(NetworkToOnnx, Int8MultipliesInEightBitsInTheBlocksOnly) {
  for (const OnnxForm form : {OnnxForm::kFast, OnnxForm::kUnpadded, OnnxForm::kPortable}) {
    SCOPED_TRACE(onnx_form_name(form));
    const OnnxModel model = graph({.form = form, .compute_type = "int8"});
    EXPECT_THAT(counts(model), IsSupersetOf(std::initializer_list<Counts::value_type>{
                                   {"MatMulInteger", 12}, {"DynamicQuantizeLinear", 4 + 5}, {"Gemm", 2}}));
    EXPECT_EQ(counts(model)["ReduceSum"], counts(graph({.form = form}))["ReduceSum"]);
    EXPECT_THAT(model.metadata, testing::Contains(testing::Pair("paceline_compute_type", "int8")));
  }
}

// Of each block what attention gives and what its last layer reads, and the last block's input.
TEST_F(NetworkToOnnx, Int8WatchesForNaNWhereAWeightIsLargeEnoughForOne) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path(), tiny_config(), [](std::string_view name, std::vector<float>& values) {
    if (name.ends_with("0.intermediate.dense.bias")) values.front() = 1e30F;
  });
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const auto sums = [&](const char* compute_type) {
    return counts(
        network_to_onnx(checkpoint, {.form = OnnxForm::kFast, .compute_type = compute_type}, "0123"))["ReduceSum"];
  };
  EXPECT_EQ(sums("int8") - sums("fp32"), 2 * 2 + 1);
}

TEST_F(NetworkToOnnx, NamesInputsAndOutputsAsAsked) {
  const OnnxModel model = graph({.input_ids_name = "ids", .attention_mask_name = "mask", .output_name = "scores"});
  EXPECT_THAT(names(model.inputs), ElementsAre("ids", "mask"));
  EXPECT_THAT(names(model.outputs), ElementsAre("scores"));
  EXPECT_EQ(std::get<int64_t>(model.outputs[0].shape[1]), 3) << "labels";
  EXPECT_THAT(model.metadata, testing::Contains(testing::Pair("paceline_checkpoint", "0123")));
}

TEST_F(NetworkToOnnx, AsksForTokenTypesWhereTheModelGetsThem) {
  Json config = tiny_config();
  config["type_vocab_size"] = 2;
  const OnnxModel model = graph({.form = OnnxForm::kFast}, config, TokenTypes::kYes);
  EXPECT_THAT(names(model.inputs), ElementsAre("attention_mask", "input_ids", "token_type_ids"));
  for (const OnnxForm form : {OnnxForm::kFast, OnnxForm::kUnpadded, OnnxForm::kPortable}) {
    EXPECT_THAT(names(graph({.form = form}, config, TokenTypes::kNo).inputs),
                ElementsAre("attention_mask", "input_ids"));
  }
}

TEST_F(NetworkToOnnx, FoldsPositionsAndTheOnlyTokenType) {
  const OnnxModel model = graph({.form = OnnxForm::kFast});
  const auto folded = std::find_if(model.initializers.begin(), model.initializers.end(),
                                   [](const OnnxInitializer& tensor) { return tensor.name.ends_with(".folded"); });
  ASSERT_NE(folded, model.initializers.end());
  EXPECT_EQ(folded->shape, (Shape{21, 24})) << "22 positions from the padding token's on, which is the second";
  for (const OnnxInitializer& tensor : model.initializers) {
    EXPECT_EQ(tensor.name.find("token_type"), std::string::npos) << tensor.name;
  }
}

TEST_F(NetworkToOnnx, RefusesWhatNoFormCanBe) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.form = OnnxForm::kFast, .opset = 17}); }, "--opset 17", "portable");
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.form = OnnxForm::kPortable, .opset = 10}); }, "11 to 21");
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.form = OnnxForm::kPortable, .opset = 22}); }, "11 to 21");
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.input_dtype = "float16"}); }, "float16", "int64");
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.compute_type = "int4"}); }, "int4", "fp32 or int8");
  expect_error(
      ErrorCode::kInvalidArgument, [] { graph({.output_name = "input_ids"}); }, "used twice");
  expect_error(
      ErrorCode::kInvalidArgument, [] { parse_onnx_form("quick"); }, "quick", "fast, unpadded or portable");
}

}  // namespace
}  // namespace paceline
