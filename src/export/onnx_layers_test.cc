#include "export/onnx_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

using testing::ElementsAre;

std::vector<std::string> operators(OnnxBuilder& graph) {
  std::vector<std::string> names;
  for (const OnnxNode& node : graph.take().nodes) names.push_back(node.op);
  return names;
}

class OnnxLayersTest : public testing::Test {
 protected:
  Checkpoint checkpoint_;
};

TEST_F(OnnxLayersTest, DecomposesGeluBelowOpset20) {
  OnnxBuilder before(checkpoint_, 19, "graph");
  OnnxLayers(checkpoint_, before).activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(before), ElementsAre("Div", "Erf", "Add", "Mul", "Mul"));
  OnnxBuilder after(checkpoint_, 20, "graph");
  OnnxLayers(checkpoint_, after).activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(after), ElementsAre("Gelu"));
}

TEST_F(OnnxLayersTest, KnowsEveryActivation) {
  OnnxBuilder graph(checkpoint_, 11, "graph");
  const OnnxLayers layers(checkpoint_, graph);
  EXPECT_EQ(layers.activation("x", Activation::kNone, "y"), "x");
  layers.activation("x", Activation::kTanh, "y");
  layers.activation("x", Activation::kRelu, "y");
  EXPECT_THAT(operators(graph), ElementsAre("Tanh", "Relu"));
}

const OnnxInitializer& named(const OnnxModel& model, std::string_view name) {
  return *std::find_if(model.initializers.begin(), model.initializers.end(),
                       [&](const OnnxInitializer& tensor) { return tensor.name == name; });
}

// [in, out] as the stored [out, in] rounds: within half a step of its column, whose largest takes 127 or -127.
TEST_F(OnnxLayersTest, QuantisesWeightsForEachOutput) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const Dense& layer = checkpoint.network().blocks[0].ffn.up;
  OnnxBuilder graph(checkpoint, 23, "graph");
  OnnxLayers(checkpoint, graph).dense_int8("x", layer, "up");
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

TEST_F(OnnxLayersTest, QuantisesAValueOnceForAllWhoReadIt) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const SelfAttention& layer = checkpoint.network().blocks[0].attention;
  OnnxBuilder graph(checkpoint, 23, "graph");
  OnnxLayers layers(checkpoint, graph);
  layers.dense_int8("x", layer.key, "key");
  layers.dense_int8("x", layer.value, "value");
  layers.dense_int8("y", layer.query, "query");
  const std::vector<std::string> found = operators(graph);
  EXPECT_EQ(std::count(found.begin(), found.end(), "DynamicQuantizeLinear"), 2);
  EXPECT_EQ(std::count(found.begin(), found.end(), "MatMulInteger"), 3);
}

}  // namespace
}  // namespace paceline
