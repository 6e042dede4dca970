#include "export/onnx_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

using testing::ElementsAre;

class OnnxBuilderTest : public testing::Test {
 protected:
  OnnxBuilder builder(int opset) const { return {checkpoint_, opset, "graph"}; }

  static std::vector<std::string> operators(OnnxBuilder& graph) {
    std::vector<std::string> names;
    for (const OnnxNode& node : graph.take().nodes) names.push_back(node.op);
    return names;
  }

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

TEST_F(OnnxBuilderTest, DecomposesGeluBelowOpset20) {
  OnnxBuilder before = builder(19);
  before.activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(before), ElementsAre("Div", "Erf", "Add", "Mul", "Mul"));
  OnnxBuilder after = builder(20);
  after.activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(after), ElementsAre("Gelu"));
}

TEST_F(OnnxBuilderTest, KnowsEveryActivation) {
  OnnxBuilder graph = builder(11);
  EXPECT_EQ(graph.activation("x", Activation::kNone, "y"), "x");
  graph.activation("x", Activation::kTanh, "y");
  graph.activation("x", Activation::kRelu, "y");
  EXPECT_THAT(operators(graph), ElementsAre("Tanh", "Relu"));
}

const OnnxInitializer& named(const OnnxModel& model, std::string_view name) {
  return *std::find_if(model.initializers.begin(), model.initializers.end(),
                       [&](const OnnxInitializer& tensor) { return tensor.name == name; });
}

// [in, out] as the stored [out, in] rounds: within half a step of its column, whose largest takes 127 or -127.
TEST_F(OnnxBuilderTest, QuantisesWeightsForEachOutput) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const Dense& layer = checkpoint.network().blocks[0].ffn.up;
  OnnxBuilder graph(checkpoint, 23, "graph");
  graph.dense_int8("x", layer, "up");
  const OnnxModel model = graph.take();
  const std::string& steps = named(model, layer.weight.name + ".int8").bytes;
  const std::string& scales = named(model, layer.weight.name + ".scales").bytes;
  const std::vector<float> stored = checkpoint.values(layer.weight);
  for (int32_t column = 0; column < layer.out; ++column) {
    float scale = 0;
    std::memcpy(&scale, scales.data() + sizeof(float) * column, sizeof(float));
    int largest = 0;
    for (int32_t k = 0; k < layer.in; ++k) {
      const int step = static_cast<int8_t>(steps[k * layer.out + column]);
      largest = std::max(largest, std::abs(step));
      EXPECT_NEAR(static_cast<float>(step) * scale, stored[column * layer.in + k], 0.5001F * scale);
    }
    EXPECT_EQ(largest, 127) << column;
  }
}

TEST_F(OnnxBuilderTest, QuantisesAValueOnceForAllWhoReadIt) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const SelfAttention& layer = checkpoint.network().blocks[0].attention;
  OnnxBuilder graph(checkpoint, 23, "graph");
  graph.dense_int8("x", layer.key, "key");
  graph.dense_int8("x", layer.value, "value");
  graph.dense_int8("y", layer.query, "query");
  const std::vector<std::string> found = operators(graph);
  EXPECT_EQ(std::count(found.begin(), found.end(), "DynamicQuantizeLinear"), 2);
  EXPECT_EQ(std::count(found.begin(), found.end(), "MatMulInteger"), 3);
}

}  // namespace
}  // namespace paceline
