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
  OnnxLayers(checkpoint_, before, Int8Weights::kSigned).activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(before), ElementsAre("Div", "Erf", "Add", "Mul", "Mul"));
  OnnxBuilder after(checkpoint_, 20, "graph");
  OnnxLayers(checkpoint_, after, Int8Weights::kSigned).activation("x", Activation::kGelu, "y");
  EXPECT_THAT(operators(after), ElementsAre("Gelu"));
}

TEST_F(OnnxLayersTest, KnowsEveryActivation) {
  OnnxBuilder graph(checkpoint_, 11, "graph");
  const OnnxLayers layers(checkpoint_, graph, Int8Weights::kSigned);
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
  OnnxLayers(checkpoint, graph, Int8Weights::kSigned).dense_int8("x", layer, "up");
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

// For the kernels of CPUs without VNNI, whose products of u8 and s8 saturate.
TEST_F(OnnxLayersTest, UnsignedWeightsAreTheSignedOnesAboveAZeroOf128) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const Dense& layer = checkpoint.network().blocks[0].ffn.up;
  const auto made = [&](Int8Weights weights) {
    OnnxBuilder graph(checkpoint, 23, "graph");
    OnnxLayers(checkpoint, graph, weights).dense_int8("x", layer, "up");
    return graph.take();
  };
  const OnnxModel with_sign = made(Int8Weights::kSigned);
  const OnnxModel without = made(Int8Weights::kUnsigned);
  const OnnxInitializer& steps = named(without, layer.weight.name + ".int8");
  const std::string& expected = named(with_sign, layer.weight.name + ".int8").bytes;
  EXPECT_EQ(steps.type, OnnxType::kUint8);
  ASSERT_EQ(steps.bytes.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(static_cast<uint8_t>(steps.bytes[i]), static_cast<int8_t>(expected[i]) + 128) << i;
  }
  EXPECT_EQ(named(without, "/constant/uint8_zero").bytes, std::string(1, static_cast<char>(128)));
}

TEST_F(OnnxLayersTest, QuantisesAValueOnceForAllWhoReadIt) {
  const TemporaryFolder folder;
  write_tiny_checkpoint(folder.path());
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const SelfAttention& layer = checkpoint.network().blocks[0].attention;
  OnnxBuilder graph(checkpoint, 23, "graph");
  OnnxLayers layers(checkpoint, graph, Int8Weights::kUnsigned);
  layers.dense_int8("x", layer.key, "key");
  layers.dense_int8("x", layer.value, "value");
  layers.dense_int8("y", layer.query, "query");
  const std::vector<std::string> found = operators(graph);
  EXPECT_EQ(std::count(found.begin(), found.end(), "DynamicQuantizeLinear"), 2);
  EXPECT_EQ(std::count(found.begin(), found.end(), "MatMulInteger"), 3);
}

}  // namespace
}  // namespace paceline
