#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "network/network.h"
#include "network/rotary.h"
#include "network/testing/family_config.h"

namespace paceline {
namespace {

constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
constexpr ErrorCode kCorrupt = ErrorCode::kCorruptData;

TEST(Gpt2, ReadsOneWayAndPoolsTheLastTokenThatIsNotPadding) {
  const Network network = describe(family_config("gpt2-plain"));
  const Block& block = network.blocks[1];
  EXPECT_EQ(block.attention.visible_before, -1);
  EXPECT_EQ(block.attention.visible_after, 0);
  EXPECT_TRUE(block.norm_before);
  EXPECT_EQ(block.attention.key.weight.name, "transformer.h.1.attn.c_attn.weight");
  EXPECT_EQ(block.attention.key.weight.shape, (Shape{32, 96}));
  EXPECT_EQ(block.attention.key.first, 32);
  EXPECT_TRUE(block.attention.key.transposed);
  EXPECT_EQ(block.ffn.up.weight.shape, (Shape{32, 128}));
  EXPECT_EQ(network.final_norm.scale.name, "transformer.ln_f.weight");
  EXPECT_FALSE(network.head.back().dense.bias.exists());
  EXPECT_EQ(network.pooling_skips, 7);
  EXPECT_EQ(pooled_place(network, std::vector<int32_t>{7, 5, 7, 7}), 1);
  EXPECT_EQ(pooled_place(network, std::vector<int32_t>{7, 7, 7}), 0);
  EXPECT_EQ(pooled_place(describe(family_config("gpt2-no-pad")), std::vector<int32_t>{5, 7, 0}), 2);
}

TEST(Gpt2, ScalesAsTheConfigSays) {
  const auto scale = [](const Json& changes, std::size_t layer) {
    return describe(family_config("gpt2-plain", changes)).layer(layer).attention.scale;
  };
  EXPECT_DOUBLE_EQ(scale({}, 1), 1 / std::sqrt(8.0));
  EXPECT_DOUBLE_EQ(scale({{"scale_attn_weights", false}}, 1), 1);
  EXPECT_DOUBLE_EQ(scale({{"scale_attn_by_inverse_layer_idx", true}}, 1), 0.5 / std::sqrt(8.0));
  // Another order of the same arithmetic.
  EXPECT_DOUBLE_EQ(scale({{"reorder_and_upcast_attn", true}}, 1), 1 / std::sqrt(8.0));
  EXPECT_EQ(describe(family_config("gpt2-no-pad")).intermediate_size, 50);
  expect_refused(kCorrupt, "gpt2-plain", "n_head", 5, "a multiple was expected");
  expect_refused(kCorrupt, "gpt2-plain", "pad_token_id", 61, "0 to 60");
}

TEST(ModernBert, SeesAllOrAWindow) {
  const Network network = describe(family_config("modernbert-windows"));
  const std::vector<int32_t> visible = {-1, 6, 6, -1};
  for (std::size_t i = 0; i < visible.size(); ++i) {
    EXPECT_EQ(network.layer(i).attention.visible_before, visible[i]) << i;
    EXPECT_EQ(network.layer(i).attention.visible_after, visible[i]) << i;
    EXPECT_EQ(network.layer(i).attention.rotary, plain_rotary(visible[i] < 0 ? 160000 : 10000, 8)) << i;
    EXPECT_EQ(network.layer(i).attention_norm.exists(), i > 0) << i;
    EXPECT_FALSE(network.layer(i).ffn_norm.bias.exists());
  }
  const FeedForward& ffn = network.blocks[0].ffn;
  EXPECT_EQ(ffn.up.weight.name, ffn.gate.weight.name);
  EXPECT_EQ(ffn.up.weight.shape, (Shape{96, 32}));
  EXPECT_EQ(ffn.gate.first, 48);
  EXPECT_FALSE(network.embeddings.positions.exists());
  EXPECT_EQ(network.pooling, Pooling::kFirstToken);
  EXPECT_EQ(network.head[0].norm.scale.name, "head.norm.weight");
  EXPECT_FALSE(network.head[0].dense.bias.exists());
  EXPECT_TRUE(network.head[1].dense.bias.exists());
}

TEST(ModernBert, HasTheBiasesThatTheConfigNames) {
  const Network network = describe(family_config("modernbert-mean-biases"));
  EXPECT_EQ(network.pooling, Pooling::kMean);
  EXPECT_EQ(network.blocks[1].attention.visible_before, 2);
  EXPECT_EQ(network.blocks[1].attention.value.bias.shape, (Shape{108}));
  EXPECT_TRUE(network.blocks[1].ffn.down.bias.exists());
  EXPECT_TRUE(network.final_norm.bias.exists());
  EXPECT_EQ(network.head[0].activation, Activation::kRelu);
  // Where there is no theta of its own for windows, transformers takes the global one.
  const Network null = describe(family_config("modernbert-windows", {{"local_rope_theta", nullptr}}));
  EXPECT_EQ(null.blocks[1].attention.rotary, plain_rotary(160000, 8));
  expect_refused(kUnsupported, "modernbert-windows", "classifier_pooling", "max", "\"cls\", \"mean\" are supported");
  expect_refused(kCorrupt, "modernbert-windows", "num_attention_heads", 32, "no two halves");
  expect_refused(kCorrupt, "modernbert-windows", "global_attn_every_n_layers", 0, "1 to 1000");
}

TEST(Deberta, ReadsWhichTermsPositionsAdd) {
  const auto block = [](const char* name, const Json& changes = Json::object()) {
    return describe(family_config(name, changes)).blocks[0].attention;
  };
  const SelfAttention shared = block("deberta-v3-like");
  EXPECT_EQ(shared.position_key.weight.name, shared.key.weight.name);
  EXPECT_EQ(shared.position_query.weight.name, shared.query.weight.name);
  EXPECT_DOUBLE_EQ(shared.scale, 1 / std::sqrt(3 * 8.0));
  const SelfAttention own = block("deberta-v2-convolution");
  EXPECT_EQ(own.position_key.weight.name, "deberta.encoder.layer.0.attention.self.pos_key_proj.weight");
  EXPECT_EQ(own.position_query.weight.name, "deberta.encoder.layer.0.attention.self.pos_query_proj.weight");
  const SelfAttention one = block("deberta-v2-c2p");
  EXPECT_TRUE(one.position_key.exists());
  EXPECT_FALSE(one.position_query.exists());
  EXPECT_DOUBLE_EQ(one.scale, 1 / std::sqrt(2 * 11.0));
  // Old files have one text.
  const SelfAttention text = block("deberta-v2-c2p", {{"pos_att_type", "P2C | c2p"}});
  EXPECT_TRUE(text.position_key.exists() && text.position_query.exists());
  const Network none = describe(family_config("deberta-v2-c2p", {{"pos_att_type", Json::array()}}));
  EXPECT_EQ(none.relative.kind, RelativeKind::kNone);
  EXPECT_FALSE(none.relative.table.exists());
  expect_refused(kUnsupported, "deberta-v2-c2p", "pos_att_type", {"c2p", "p2p"}, "\"p2p\"");
  expect_refused(kCorrupt, "deberta-v2-c2p", "pos_att_type", 3, "a list of");
}

TEST(Deberta, ReadsTheTableOfPositions) {
  const auto relative = [](const Json& changes) {
    return describe(family_config("deberta-v3-like", changes)).relative;
  };
  EXPECT_EQ(relative({}).span, 16);
  EXPECT_EQ(relative({}).max_distance, 40);
  EXPECT_EQ(relative({}).table.shape, (Shape{32, 32}));
  EXPECT_EQ(relative({}).norm.scale.name, "deberta.encoder.LayerNorm.weight");
  EXPECT_FALSE(relative({{"norm_rel_ebd", "none"}}).norm.exists());
  EXPECT_EQ(relative({{"max_relative_positions", -1}}).max_distance, 66);
  EXPECT_EQ(relative({{"position_buckets", -1}}).span, 40);
  EXPECT_EQ(relative({{"relative_attention", false}}).kind, RelativeKind::kNone);
  expect_refused(kCorrupt, "deberta-v3-like", "position_buckets", 1, "two buckets or more");
  expect_refused(kCorrupt, "deberta-v3-like", "position_buckets", 80, "more than half as many");
  expect_refused(kUnsupported, "deberta-v3-like", "norm_rel_ebd", "rms", "\"none\", \"layer_norm\" are supported");
}

TEST(Deberta, ReadsItsEmbeddingsConvolutionAndPooler) {
  const Network v3 = describe(family_config("deberta-v3-like"));
  EXPECT_FALSE(v3.embeddings.positions.exists());
  EXPECT_FALSE(v3.embeddings.token_types.exists());
  EXPECT_EQ(v3.token_types, 1);
  EXPECT_FALSE(v3.convolution.exists());
  EXPECT_EQ(v3.head[0].activation, Activation::kGelu);
  const Network v2 = describe(family_config("deberta-v2-convolution"));
  EXPECT_TRUE(v2.embeddings.project_first);
  EXPECT_FALSE(v2.embeddings.projection.bias.exists());
  EXPECT_EQ(v2.embeddings.norm.scale.shape, (Shape{32}));
  EXPECT_EQ(v2.embeddings.positions.shape, (Shape{66, 20}));
  EXPECT_EQ(v2.convolution.weight.shape, (Shape{32, 32, 3}));
  EXPECT_EQ(v2.convolution.activation, Activation::kGelu);
  EXPECT_EQ(v2.head[0].activation, Activation::kTanh);
  // With one layer the convolution reaches from the pooled row to its neighbours.
  EXPECT_FALSE(describe(family_config("deberta-v2-p2c")).pools_one_row());
  EXPECT_EQ(describe(family_config("deberta-v2-p2c")).convolution.weight.shape, (Shape{32, 8, 5}));
  expect_refused(kUnsupported, "deberta-v2-convolution", "conv_kernel_size", 4, "an odd number");
  expect_refused(kCorrupt, "deberta-v2-convolution", "conv_groups", 5, "a multiple was expected");
  expect_refused(kCorrupt, "deberta-v2-convolution", "pooler_hidden_size", 16, "the same was expected");
}

TEST(XlNet, HasSinesSegmentsAndASummary) {
  const Network network = describe(family_config("xlnet-plain"));
  EXPECT_EQ(network.relative.kind, RelativeKind::kSinusoid);
  EXPECT_EQ(network.relative.max_distance, 0);
  EXPECT_EQ(network.pooling, Pooling::kLastToken);
  EXPECT_EQ(network.pooling_skips, -1);
  const SelfAttention& attention = network.blocks[1].attention;
  EXPECT_EQ(attention.query.weight.name, "transformer.layer.1.rel_attn.q");
  EXPECT_EQ(attention.query.weight.shape, (Shape{32, 4, 8}));
  EXPECT_TRUE(attention.query.transposed);
  EXPECT_FALSE(attention.output.transposed);
  EXPECT_EQ(attention.segments.shape, (Shape{2, 4, 8}));
  ASSERT_EQ(network.head.size(), 2U);
  EXPECT_EQ(network.head[0].activation, Activation::kTanh);
  EXPECT_EQ(network.head[0].dense.out, 32);
  const Network clamped = describe(family_config("xlnet-clamped"));
  EXPECT_EQ(clamped.relative.max_distance, 9);
  EXPECT_EQ(clamped.pooling, Pooling::kFirstToken);
  EXPECT_EQ(clamped.head[0].activation, Activation::kNone);
  EXPECT_EQ(describe(family_config("xlnet-mean")).pooling, Pooling::kMean);
}

TEST(XlNet, RefusesWhatItWouldComputeWrongly) {
  expect_refused(kUnsupported, "xlnet-plain", "attn_type", "uni", "\"bi\" alone is supported");
  expect_refused(kUnsupported, "xlnet-plain", "bi_data", true, "is true");
  expect_refused(kUnsupported, "xlnet-plain", "summary_type", "cls_index", "\"first\", \"last\", \"mean\"");
  expect_refused(kUnsupported, "xlnet-plain", "summary_use_proj", false, "a projection was expected");
  expect_refused(kUnsupported, "xlnet-plain", "summary_proj_to_labels", true, "keeps its width");
  expect_refused(kCorrupt, "xlnet-plain", "d_head", 16, "8, was expected");
  expect_error(
      kCorrupt,
      [] {
        describe(family_config("xlnet-plain", {{"d_model", 33}, {"n_head", 3}, {"d_head", 11}}));
      },
      "\"d_model\" is 33, an even number");
}

TEST(Xlm, ReadsTokenTypesFromTheWords) {
  const Network network = describe(family_config("xlm-plain"));
  EXPECT_EQ(network.token_types, 2);
  EXPECT_EQ(network.embeddings.token_types.name, network.embeddings.words.name);
  EXPECT_EQ(network.intermediate_size, 128);
  EXPECT_EQ(network.blocks[1].attention_norm.scale.name, "transformer.layer_norm1.1.weight");
  ASSERT_EQ(network.head.size(), 1U);
  EXPECT_EQ(network.head[0].dense.weight.shape, (Shape{3, 32}));
  const Network causal = describe(family_config("xlm-relu-causal"));
  EXPECT_EQ(causal.blocks[0].attention.visible_after, 0);
  EXPECT_EQ(causal.blocks[0].ffn.activation, Activation::kRelu);
  EXPECT_EQ(causal.head[0].activation, Activation::kTanh);
  // XLM has no such key; what another family's config left there does nothing.
  EXPECT_FALSE(describe(family_config("xlm-plain", {{"pre_norm", true}})).blocks[0].norm_before);
  EXPECT_EQ(describe(family_config("xlm-plain", {{"n_words", 70}})).vocab_size, 70);
  expect_refused(kUnsupported, "xlm-plain", "is_encoder", false, "an encoder was expected");
  expect_refused(kUnsupported, "xlm-plain", "summary_type", "attn", "\"first\", \"last\", \"mean\"");
  expect_refused(kUnsupported, "xlm-plain", "summary_proj_to_labels", false, "no classification");
}

TEST(Flaubert, NormalisesBeforeWhereTheConfigSaysSo) {
  EXPECT_FALSE(describe(family_config("flaubert-plain")).blocks[0].norm_before);
  const Network before = describe(family_config("flaubert-norm-before"));
  EXPECT_TRUE(before.blocks[2].norm_before);
  EXPECT_FALSE(before.final_norm.exists());
  EXPECT_EQ(describe(family_config("flaubert-last")).pooling, Pooling::kLastToken);
}

TEST(VisiblePairs, AreTheSumOverAllPlaces) {
  for (const int32_t before : {-1, 0, 1, 3, 8, 9, 1000}) {
    for (const int32_t after : {-1, 0, 2, 9}) {
      const SelfAttention attention{.visible_before = before, .visible_after = after};
      for (const int32_t tokens : {1, 2, 5, 9, 10}) {
        double pairs = 0;
        for (int32_t place = 0; place < tokens; ++place) pairs += visible_keys(attention, place, tokens).size();
        EXPECT_EQ(visible_pairs(attention, tokens), pairs) << before << ", " << after << ", " << tokens;
      }
    }
  }
}

// Multiply-adds by hand: per token q, k, v, output and three products of the gated feed-forward; the last layer's
// query, output and feed-forward for one row only.
TEST(ForwardFlops, CountsWindowsAndGates) {
  const Json config = family_config("modernbert-windows", {{"num_hidden_layers", 2}});
  const double c = 32, i = 48, tokens = 20, window = 6;
  const double first = 4 * c * c * tokens + 3 * c * i * tokens + 2 * tokens * tokens * c;
  const double last = 2 * c * c * tokens + 2 * c * c + 3 * c * i + 2 * (window + 1) * c;
  const double head = c * c + 3 * c;
  EXPECT_DOUBLE_EQ(forward_flops(describe(config), 20), 2 * (first + last + head));
}

TEST(ForwardFlops, CountsTheTermsOfPositions) {
  const double c = 32, i = 48, tokens = 8;
  const double layer = 2 * c * c * tokens + 2 * c * c + 2 * c * i + 2 * tokens * c;
  const double head = c * c + 3 * c;
  const Json config = family_config("deberta-v3-like", {{"num_hidden_layers", 1}});
  const double distances = 15;
  EXPECT_DOUBLE_EQ(forward_flops(describe(config), 8), 2 * (layer + distances * c + tokens * distances * c + head));
}

}  // namespace
}  // namespace paceline
