#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "network/network.h"
#include "network/testing/family_config.h"

namespace paceline {
namespace {

constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
constexpr ErrorCode kCorrupt = ErrorCode::kCorruptData;

/// Sizes of a BERT-base, as every config of its kin states them.
Json base_sizes(const char* model_type, const Json& changes = Json::object()) {
  Json config{{"model_type", model_type},  {"architectures", {"SomeForSequenceClassification"}},
              {"vocab_size", 30522},       {"hidden_size", 768},
              {"num_hidden_layers", 12},   {"num_attention_heads", 12},
              {"intermediate_size", 3072}, {"max_position_embeddings", 512}};
  config.update(changes);
  return config;
}

/// A config that leaves everything to the defaults of its class.
Json bare(const char* model_type) {
  return {{"model_type", model_type}, {"architectures", {"SomeForSequenceClassification"}}};
}

// What sum(p.numel() for p in model.parameters()) gives for ...ForSequenceClassification in transformers 4.57.1, less
// XLNet's mask_emb, which no classification reads.
TEST(Families, HaveTheParametersOfTheOriginals) {
  const auto count = [](const Json& config) { return parameter_count(describe(config)); };
  EXPECT_EQ(count(base_sizes("bert")), 109483778);
  EXPECT_EQ(count(base_sizes("roberta", {{"vocab_size", 50265}})), 124646402);
  EXPECT_EQ(count(base_sizes("xlm-roberta")), 109483778);
  EXPECT_EQ(count(base_sizes("mpnet", {{"vocab_size", 30527}})), 109486466);
  const Json small_electra{{"hidden_size", 256}, {"num_attention_heads", 4}, {"intermediate_size", 1024}};
  EXPECT_EQ(count(base_sizes("electra", small_electra)), 13549314);
  Json xx_large{{"vocab_size", 30000},
                {"hidden_size", 4096},
                {"num_attention_heads", 64},
                {"intermediate_size", 16384},
                {"embedding_size", 128}};
  EXPECT_EQ(count(base_sizes("albert", xx_large)), 222603778);
  xx_large.update({{"num_hidden_groups", 3}, {"inner_group_num", 2}});
  EXPECT_EQ(count(base_sizes("albert", xx_large)), 1229502978);
  EXPECT_EQ(count(bare("distilbert")), 66955010);
  EXPECT_EQ(count(bare("modernbert")), 149606402);
  EXPECT_EQ(count(bare("gpt2")), 124441344);
  EXPECT_EQ(count(bare("xlnet")), 361320450 - 1024);
  EXPECT_EQ(count(bare("xlm")), 667092994);
  EXPECT_EQ(count(bare("flaubert")), 667092994);
}

TEST(Families, HaveTheParametersOfPublishedDebertas) {
  const Json plain{{"vocab_size", 128100},          {"hidden_size", 1536},       {"num_hidden_layers", 24},
                   {"num_attention_heads", 24},     {"intermediate_size", 6144}, {"type_vocab_size", 0},
                   {"max_position_embeddings", 512}};
  EXPECT_EQ(parameter_count(describe(base_sizes("deberta-v2", plain))), 879871490);
  const Json v3{{"vocab_size", 128100},         {"relative_attention", true},     {"position_buckets", 256},
                {"norm_rel_ebd", "layer_norm"}, {"share_att_key", true},          {"pos_att_type", {"p2c", "c2p"}},
                {"type_vocab_size", 0},         {"position_biased_input", false}, {"layer_norm_eps", 1e-7}};
  EXPECT_EQ(parameter_count(describe(base_sizes("deberta-v2", v3))), 184423682);
  Json v2 = plain;
  v2.update(v3);
  v2.update({{"attention_head_size", 64}, {"conv_kernel_size", 3}, {"conv_act", "gelu"}, {"pos_att_type", "p2c|c2p"}});
  EXPECT_EQ(parameter_count(describe(base_sizes("deberta-v2", v2))), 886957058);
}

TEST(Activations, AreThoseThatTransformersNames) {
  const auto named = [](const char* name) {
    return describe(family_config("bert-relu-one-type", {{"hidden_act", name}})).blocks[0].ffn.activation;
  };
  for (const char* name : {"gelu", "gelu_python"}) EXPECT_EQ(named(name), Activation::kGelu) << name;
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"}) {
    EXPECT_EQ(named(name), Activation::kGeluTanh) << name;
  }
  for (const char* name : {"silu", "swish"}) EXPECT_EQ(named(name), Activation::kSilu) << name;
  EXPECT_EQ(named("relu"), Activation::kRelu);
  EXPECT_EQ(named("mish"), Activation::kMish);
  EXPECT_EQ(named("tanh"), Activation::kTanh);
  EXPECT_EQ(named("linear"), Activation::kNone);
  for (const char* name : {"quick_gelu", "gelu_10", "relu2", "relu6", "laplace", "leaky_relu", "sigmoid", "prelu"}) {
    expect_refused(kUnsupported, "bert-relu-one-type", "hidden_act", name, "Known: gelu,");
  }
}

// Every family: with its prefix and without, with a head and without.
TEST(Families, KnowBothPrefixesAndTheEncoderAlone) {
  struct Names {
    const char* folder;
    const char* prefix;
    const char* encoder;  ///< a class without a classification head
  };
  for (const Names& names : std::vector<Names>{{"bert-relu-one-type", "bert.", "BertForPreTraining"},
                                               {"xlm-roberta-plain", "roberta.", "XLMRobertaModel"},
                                               {"distilbert-plain", "distilbert.", "DistilBertForMaskedLM"},
                                               {"electra-narrow", "electra.", "ElectraForPreTraining"},
                                               {"albert-shared", "albert.", "AlbertModel"},
                                               {"mpnet-plain", "mpnet.", "MPNetForMaskedLM"},
                                               {"deberta-v3-like", "deberta.", "DebertaV2Model"},
                                               {"modernbert-windows", "model.", "ModernBertForMaskedLM"},
                                               {"gpt2-plain", "transformer.", "GPT2LMHeadModel"},
                                               {"xlnet-plain", "transformer.", "XLNetLMHeadModel"},
                                               {"xlm-plain", "transformer.", "XLMWithLMHeadModel"},
                                               {"flaubert-plain", "transformer.", "FlaubertModel"}}) {
    SCOPED_TRACE(names.folder);
    const std::string prefix = names.prefix;
    const Json config = family_config(names.folder);
    const Network network = describe(config);
    EXPECT_EQ(network.outputs, 3 - (prefix == "bert." ? 1 : 0));
    const std::string words = network.embeddings.words.name;
    ASSERT_EQ(words.substr(0, prefix.size()), prefix);
    const std::string without = words.substr(prefix.size());
    EXPECT_EQ(describe(config, {without}).embeddings.words.name, without);
    const std::string query = network.blocks[0].attention.query.weight.name;
    EXPECT_EQ(describe(config, {without}).blocks[0].attention.query.weight.name, query.substr(prefix.size()));
    const Network encoder = describe(family_config(names.folder, {{"architectures", {names.encoder}}}));
    EXPECT_TRUE(encoder.head.empty());
    EXPECT_EQ(encoder.outputs, encoder.hidden_size);
    // Without "architectures", the tensors say whether there is a head.
    const std::string head = network.head.back().dense.weight.name;
    EXPECT_EQ(describe(family_config(names.folder, {{"architectures", nullptr}}), {head}).outputs, network.outputs);
    EXPECT_TRUE(describe(family_config(names.folder, {{"architectures", nullptr}}), {words}).head.empty());
    expect_refused(kUnsupported, names.folder, "architectures", {"SomeForTokenClassification"},
                   "SomeForTokenClassification");
    expect_refused(kUnsupported, names.folder, "quantization_config", {{"bits", 4}}, "float weights");
    expect_refused(kUnsupported, names.folder, "pruned_heads", {{"0", {1}}}, "whole attention layers");
    expect_refused(kUnsupported, names.folder, "add_cross_attention", true, "is true");
  }
}

TEST(DistilBert, IsBertWithoutTokenTypes) {
  const Network network = describe(bare("distilbert"));
  EXPECT_EQ(network.layers.size(), 6U);
  EXPECT_EQ(network.token_types, 1);
  EXPECT_FALSE(network.embeddings.token_types.exists());
  EXPECT_EQ(network.max_tokens, 512);
  EXPECT_EQ(network.blocks[5].attention_norm.scale.name, "distilbert.transformer.layer.5.sa_layer_norm.weight");
  ASSERT_EQ(network.head.size(), 2U);
  EXPECT_EQ(network.head[0].dense.weight.name, "pre_classifier.weight");
  EXPECT_EQ(network.head[0].activation, Activation::kRelu);
  expect_refused(kCorrupt, "distilbert-plain", "n_heads", 5, "a multiple was expected");
  expect_refused(kUnsupported, "distilbert-plain", "activation", "gelu_10", "Known: gelu,");
}

TEST(Electra, ProjectsWhatIsNarrow) {
  const Network narrow = describe(family_config("electra-narrow"));
  EXPECT_EQ(narrow.embedding_size(), 20);
  EXPECT_EQ(narrow.embeddings.projection.weight.name, "electra.embeddings_project.weight");
  EXPECT_EQ(narrow.embeddings.projection.weight.shape, (Shape{32, 20}));
  EXPECT_FALSE(narrow.embeddings.project_first);
  EXPECT_FALSE(describe(family_config("electra-even")).embeddings.projection.exists());
  // The head has exact GELU whatever the blocks have.
  EXPECT_EQ(describe(family_config("electra-even")).blocks[0].ffn.activation, Activation::kGeluTanh);
  EXPECT_EQ(describe(family_config("electra-even")).head[0].activation, Activation::kGelu);
  expect_refused(kUnsupported, "electra-even", "position_embedding_type", "relative_key_query", "\"absolute\" alone");
}

TEST(Albert, SharesBlocksInGroups) {
  const Network shared = describe(family_config("albert-shared"));
  EXPECT_EQ(shared.blocks.size(), 1U);
  EXPECT_THAT(shared.layers, testing::ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(shared.blocks[0].ffn.activation, Activation::kGeluTanh);
  EXPECT_THAT(describe(family_config("albert-groups")).layers, testing::ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(describe(family_config("albert-inner")).layers, testing::ElementsAre(0, 1, 0, 1, 0, 1));
  const Network both = describe(
      family_config("albert-groups", {{"num_hidden_layers", 12}, {"num_hidden_groups", 5}, {"inner_group_num", 2}}));
  // int(layer / (12 / 5)) is 0 0 0 1 1 2 2 2 3 3 4 4.
  EXPECT_THAT(both.layers,
              testing::ElementsAre(0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9));
  EXPECT_EQ(both.blocks[7].ffn.up.weight.name, "albert.encoder.albert_layer_groups.3.albert_layers.1.ffn.weight");
  // A projection even where the sizes are equal.
  EXPECT_EQ(describe(family_config("albert-groups")).embeddings.projection.weight.shape, (Shape{32, 32}));
  expect_refused(kCorrupt, "albert-shared", "num_hidden_groups", 5, "no more groups than layers");
  expect_refused(kCorrupt, "albert-shared", "inner_group_num", 1000, "a product of at most 1000");
}

TEST(MpNet, CountsPositionsBehindOneWhateverThePadding) {
  const Network network = describe(family_config("mpnet-plain", {{"pad_token_id", 3}}));
  EXPECT_EQ(network.embeddings.position_offset, 2);
  EXPECT_EQ(network.embeddings.uncounted_id, 1);
  EXPECT_EQ(network.max_tokens, 64);
  EXPECT_EQ(network.relative.kind, RelativeKind::kBias);
  EXPECT_EQ(network.relative.table.shape, (Shape{32, 4}));
  EXPECT_EQ(network.relative.max_distance, 128);
  const Network large = describe(family_config("mpnet-encoder"));
  EXPECT_EQ(large.relative.table.shape, (Shape{40, 4}));
  EXPECT_EQ(large.relative.buckets, 32);
  expect_refused(kCorrupt, "mpnet-plain", "relative_attention_num_buckets", 31, "at least 32");
}

}  // namespace
}  // namespace paceline
