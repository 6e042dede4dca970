#include "export/torchscript_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Not;

Network tiny_network(const Json& config = tiny_config()) { return describe_network(config, {}, "tiny config"); }

TEST(TorchscriptSource, TakesAnOptionalMaskAndNoTokenTypesWhereThereAreNone) {
  const std::string source = torchscript_source(tiny_network());
  EXPECT_THAT(source,
              testing::StartsWith(
                  "def forward(self, input_ids: Tensor, attention_mask: Optional[Tensor] = None) -> Tensor:\n"));
  EXPECT_THAT(source, HasSubstr("  x = x + self.roberta.embeddings.token_type_embeddings.weight.select(0, 0)\n"));
  EXPECT_THAT(source, testing::EndsWith("  return x.float()\n"));
}

TEST(TorchscriptSource, ReadsTokenTypesWhereTheNetworkDoes) {
  Json config = tiny_config();
  config["type_vocab_size"] = 2;
  const std::string source = torchscript_source(tiny_network(config));
  EXPECT_THAT(source, HasSubstr(", token_type_ids: Optional[Tensor] = None) -> Tensor:"));
  EXPECT_THAT(source, HasSubstr("torch.embedding(self.roberta.embeddings.token_type_embeddings.weight, types)"));
}

TEST(TorchscriptSource, CountsPositionsAsTheNetworkDoes) {
  Network network = tiny_network();
  EXPECT_THAT(torchscript_source(network), HasSubstr("  counted = input_ids.ne(1).long()\n"
                                                     "  rows = counted.cumsum(1) * counted + 1\n"));
  network.embeddings.uncounted_id = -1;
  network.embeddings.position_offset = 0;
  EXPECT_THAT(torchscript_source(network), HasSubstr("  rows = torch.ones_like(input_ids).long().cumsum(1) + -1\n"));
}

TEST(TorchscriptSource, WritesEachBlockWithItsOwnParameters) {
  Network network = tiny_network();
  const std::string source = torchscript_source(network);
  EXPECT_THAT(source, HasSubstr("getattr(self.roberta.encoder.layer, \"0\").attention.self.query.weight"));
  EXPECT_THAT(source, HasSubstr("getattr(self.roberta.encoder.layer, \"1\").output.LayerNorm.bias, 1e-05)"));
  EXPECT_THAT(source, HasSubstr(".unflatten(2, [3, 8]).transpose(1, 2)"));
  EXPECT_THAT(source,
              HasSubstr("torch.tanh(torch.linear(x, self.classifier.dense.weight, self.classifier.dense.bias))"));
  for_each_weight(network, [&](const Weight& weight) {
    const std::string last = weight.name.substr(weight.name.find_last_of("0123456789") + 1);
    EXPECT_THAT(source, HasSubstr(last)) << weight.name;
  });
  network.blocks.front().attention.query.bias.name.clear();
  network.blocks.front().ffn.activation = Activation::kRelu;
  EXPECT_THAT(torchscript_source(network), HasSubstr("query.weight, None)"));
  EXPECT_THAT(torchscript_source(network), HasSubstr("torch.relu("));
}

TEST(TorchscriptSource, NumbersAreFloatsAndSizesAreNotRecorded) {
  Network network = tiny_network();
  for (Block& block : network.blocks) block.attention.scale = 1;
  const std::string source = torchscript_source(network);
  EXPECT_THAT(source, HasSubstr("keep, 0.0, False, scale=1.0)"));
  EXPECT_THAT(source, Not(HasSubstr("size(")));
  EXPECT_THAT(source, Not(HasSubstr("arange")));
}

TEST(TorchscriptSource, EndsWithThePooledStateWhereThereIsNoHead) {
  Network network = tiny_network();
  network.head.clear();
  EXPECT_THAT(torchscript_source(network), testing::EndsWith("  x = x.select(1, 0)\n  return x.float()\n"));
}

}  // namespace
}  // namespace paceline
