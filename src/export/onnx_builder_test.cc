#include "export/onnx_builder.h"

#include <gtest/gtest.h>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

class OnnxBuilderTest : public testing::Test {
 protected:
  OnnxBuilder builder(int opset) const { return {checkpoint_, opset, "graph"}; }

  Checkpoint checkpoint_;
};

TEST_F(OnnxBuilderTest, NamesValuesAfterTheirNodesAndKeepsThemApart) {
  OnnxBuilder graph = builder(17);
  graph.enter("/block.0");
  EXPECT_EQ(graph.node("Relu", "act", {"x"}), "/block.0/act");
  EXPECT_EQ(graph.node("Relu", "act", {"x"}), "/block.0/act_2");
  EXPECT_EQ(graph.node("Relu", "act", {"x"}), "/block.0/act_3");
}

TEST_F(OnnxBuilderTest, MakesAConstantOnce) {
  OnnxBuilder graph = builder(17);
  EXPECT_EQ(graph.integers({1, -1}), graph.integers({1, -1}));
  EXPECT_NE(graph.integers({1}), graph.integer(1)) << "a vector of one is no scalar";
  EXPECT_NE(graph.integers({1}), graph.integers({1}, OnnxType::kInt32));
  EXPECT_NE(graph.number(1.0F), graph.number(1.0000001F)) << "floats differ in their name by their last bit";
  const OnnxModel model = graph.take();
  EXPECT_EQ(model.initializers.size(), 6U);
  EXPECT_EQ(model.initializers[0].bytes.size(), 2 * sizeof(int64_t));
}

TEST_F(OnnxBuilderTest, RefusesNamesThatAreTakenOrEmpty) {
  OnnxBuilder graph = builder(17);
  graph.input("ids", OnnxType::kInt64, {"batch"});
  expect_error(
      ErrorCode::kInvalidArgument, [&] { graph.reserve_output("ids"); }, "\"ids\" is used twice");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { graph.input("", OnnxType::kInt64, {}); }, "empty name");
}

TEST_F(OnnxBuilderTest, RenamesTheOutput) {
  OnnxBuilder graph = builder(17);
  graph.reserve_output("logits");
  graph.output(graph.node("Relu", "act", {"x"}), "logits", {"batch", int64_t{3}});
  const OnnxModel model = graph.take();
  EXPECT_EQ(model.nodes[0].outputs.front(), "logits");
  EXPECT_EQ(model.outputs[0].name, "logits");
}

TEST_F(OnnxBuilderTest, MovesTheAxesOfUnsqueezeAtOpset13) {
  OnnxBuilder before = builder(12);
  before.unsqueeze("x", {1, 2}, "y");
  const OnnxModel old = before.take();
  EXPECT_EQ(old.nodes[0].attributes[0].name, "axes");
  EXPECT_EQ(old.nodes[0].inputs.size(), 1U);
  OnnxBuilder after = builder(13);
  after.unsqueeze("x", {1, 2}, "y");
  const OnnxModel now = after.take();
  EXPECT_TRUE(now.nodes[0].attributes.empty());
  EXPECT_EQ(now.nodes[0].inputs.size(), 2U);
}

}  // namespace
}  // namespace paceline
