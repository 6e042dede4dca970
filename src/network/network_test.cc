#include "network/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "network/architecture.h"
#include "network/labels.h"
#include "network/position_rows.h"

namespace paceline {
namespace {

/// config.json of a CamemBERT-base with five labels.
Json camembert_base() {
  return Json::parse(R"({
    "model_type": "camembert", "architectures": ["CamembertForSequenceClassification"], "hidden_act": "gelu",
    "vocab_size": 32005, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
    "pad_token_id": 1, "position_embedding_type": "absolute", "num_labels": 5})");
}

Json changed(const char* key, const Json& value) {
  Json config = camembert_base();
  config[key] = value;
  return config;
}

Network describe(const Json& config, const std::set<std::string>& names = {}) {
  return describe_network(config, names, "config.json");
}

void refused(ErrorCode code, const char* key, const Json& value, const std::string& part) {
  SCOPED_TRACE(key);
  expect_error(
      code, [&] { describe(changed(key, value)); }, "[config.json]", key, part);
}

TEST(Roberta, DescribesCamembertBase) {
  const Network network = describe(camembert_base());
  EXPECT_EQ(network.architecture, "camembert");
  EXPECT_EQ(network.max_tokens, 512);
  EXPECT_EQ(network.embeddings.position_offset, 2);
  EXPECT_EQ(network.token_types, 1);
  EXPECT_EQ(network.outputs, 5);
  ASSERT_EQ(network.blocks.size(), 12u);
  EXPECT_EQ(network.blocks[3].attention.head_dim, 64);
  EXPECT_EQ(network.blocks[3].attention.scale, 0.125);
  EXPECT_EQ(network.blocks[3].ffn.up.weight.name, "roberta.encoder.layer.3.intermediate.dense.weight");
  EXPECT_EQ(network.blocks[3].ffn.up.weight.shape, (Shape{3072, 768}));
  EXPECT_EQ(network.blocks[3].ffn_norm.epsilon, 1e-5);
  ASSERT_EQ(network.head.size(), 2u);
  EXPECT_EQ(network.head[0].activation, Activation::kTanh);
  EXPECT_EQ(network.head[1].dense.weight.shape, (Shape{5, 768}));
}

TEST(Roberta, KnowsBothPrefixesAndBothHeads) {
  EXPECT_EQ(describe(camembert_base(), {"embeddings.word_embeddings.weight"}).embeddings.words.name,
            "embeddings.word_embeddings.weight");
  EXPECT_EQ(describe(camembert_base(), {"roberta.embeddings.word_embeddings.weight"}).embeddings.words.name,
            "roberta.embeddings.word_embeddings.weight");
  for (const char* encoder : {"CamembertModel", "RobertaForMaskedLM"}) {
    const Network network = describe(changed("architectures", {encoder}));
    EXPECT_TRUE(network.head.empty());
    EXPECT_EQ(network.outputs, 768);
  }
  EXPECT_TRUE(describe(changed("architectures", nullptr)).head.empty());
  EXPECT_EQ(describe(changed("architectures", nullptr), {"classifier.out_proj.weight"}).head.size(), 2u);
}

TEST(Roberta, CountsParametersOfTheWholeModel) {
  // 32,005 + 514 + 1 rows and a norm; per layer 4 C^2 + 2 C I and their biases and norms; the head.
  const int64_t embeddings = (32005 + 514 + 1 + 2) * 768;
  const int64_t layer = 4 * 768 * 768 + 2 * 768 * 3072 + 9 * 768 + 3072;
  const int64_t head = 768 * 768 + 768 + 5 * 768 + 5;
  EXPECT_EQ(parameter_count(describe(camembert_base())), embeddings + 12 * layer + head);
}

TEST(Roberta, VisitsEachWeightOnce) {
  const Network network = describe(camembert_base());
  std::vector<std::string> names;
  for_each_weight(network, [&](const Weight& weight) { names.push_back(weight.name); });
  EXPECT_EQ(names.size(), 5u + 12 * 16 + 4);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names.front(), "roberta.embeddings.word_embeddings.weight");
  EXPECT_EQ(names.back(), "classifier.out_proj.bias");
}

// The numbers are those of create_position_ids_from_input_ids in transformers for padding_idx 1.
TEST(PositionRows, LeaveOutThePadTokensOfAText) {
  const Network network = describe(camembert_base());
  const std::vector<int32_t> ids = {5, 1, 40, 1, 1, 41, 42, 6, 1};
  const std::vector<int32_t> expected = {2, 1, 3, 1, 1, 4, 5, 6, 1};
  for (std::size_t first = 0; first < ids.size(); ++first) {
    PositionRows rows(network.embeddings, std::span(ids).first(first));
    for (std::size_t i = first; i < ids.size(); ++i) EXPECT_EQ(rows.next(ids[i]), expected[i]) << first << ", " << i;
  }
}

TEST(PositionRows, CountEveryTokenWhereTheNetworkDoes) {
  PositionRows rows(Embeddings{});
  for (int32_t i = 0; i < 3; ++i) EXPECT_EQ(rows.next(0), i);
}

// The work per token that the design gives, 158 + 0.0338 S MFLOP, leaves out the pooled row and the head: 12.8 MFLOP
// per sequence, which is 0.25 % at 32 tokens and less above.
TEST(ForwardFlops, FollowsTheFormulaOfBertBase) {
  const Network network = describe(camembert_base());
  for (const int32_t tokens : {32, 64, 128, 256, 512}) {
    const double formula = tokens * (158e6 + 0.0338e6 * tokens);
    EXPECT_NEAR(forward_flops(network, tokens) / formula, 1.0, 0.004) << tokens;
  }
}

TEST(DescribeNetwork, NamesAnUnknownArchitecture) {
  EXPECT_THAT(known_architectures(),
              testing::ElementsAre("bert", "roberta", "camembert", "xlm-roberta", "distilbert", "electra", "albert",
                                   "mpnet", "deberta-v2", "modernbert", "gpt2", "xlnet", "xlm", "flaubert"));
  refused(ErrorCode::kUnsupported, "model_type", "camenbert",
          "Did you mean \"camembert\"? Known: bert, roberta, camembert,");
  refused(ErrorCode::kUnsupported, "model_type", "t5", "Known: bert, roberta, camembert,");
  refused(ErrorCode::kCorruptData, "model_type", nullptr, "missing");
  refused(ErrorCode::kCorruptData, "model_type", 3, "a string");
  expect_error(
      ErrorCode::kCorruptData, [] { describe(Json::array()); }, "JSON object");
}

TEST(DescribeNetwork, RefusesWhatItWouldComputeWrongly) {
  const ErrorCode unsupported = ErrorCode::kUnsupported;
  refused(unsupported, "hidden_act", "quick_gelu", "Known: gelu, gelu_python, gelu_new,");
  refused(unsupported, "hidden_act", "gelu_neu", "Did you mean \"gelu_new\"?");
  refused(unsupported, "position_embedding_type", "relative_key", "\"absolute\" alone is supported");
  refused(unsupported, "is_decoder", true, "is true");
  refused(unsupported, "add_cross_attention", true, "is true");
  refused(unsupported, "quantization_config", Json::object(), "float weights");
  refused(unsupported, "pruned_heads", {{"0", {1}}}, "not empty");
  refused(unsupported, "architectures", {"RobertaForTokenClassification"}, "RobertaForTokenClassification");
}

TEST(DescribeNetwork, RefusesAbsurdSizes) {
  const ErrorCode corrupt = ErrorCode::kCorruptData;
  refused(corrupt, "hidden_size", 0, "\"hidden_size\" is 0, an integer from 1 to 65536");
  refused(corrupt, "hidden_size", 65537, "65537");
  refused(corrupt, "hidden_size", "768", "\"768\"");
  refused(corrupt, "hidden_size", nullptr, "is missing");
  refused(corrupt, "num_hidden_layers", 1001, "1 to 1000");
  refused(corrupt, "num_attention_heads", 7, "a multiple was expected");
  refused(corrupt, "intermediate_size", -1, "-1");
  refused(corrupt, "vocab_size", int64_t{1} << 40, "1 to 16777216");
  refused(corrupt, "max_position_embeddings", 2, "more than 2 were expected");
  refused(corrupt, "type_vocab_size", 0, "\"type_vocab_size\" is 0");
  refused(corrupt, "layer_norm_eps", -1e-5, "a number from 0 to 1");
  refused(corrupt, "pad_token_id", 32005, "0 to 32004");
  refused(corrupt, "is_decoder", "no", "true or false");
}

TEST(ReadLabels, TakesThemFromTheConfig) {
  const auto labels = [](const char* text) { return read_labels(Json::parse(text), "c"); };
  using testing::ElementsAre;
  EXPECT_THAT(labels(R"({"id2label":{"1":"b","0":"a"}})"), ElementsAre("a", "b"));
  EXPECT_THAT(labels(R"({"id2label":{"0":5}})"), ElementsAre("5"));
  EXPECT_THAT(labels(R"({"num_labels":3})"), ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_THAT(labels(R"({"id2label":null})"), ElementsAre("LABEL_0", "LABEL_1"));
  EXPECT_THAT(labels("{}"), ElementsAre("LABEL_0", "LABEL_1"));
  EXPECT_EQ(labels(R"({"id2label":{"0":"a","1":"b","2":"c","3":"d","4":"e","5":"f","6":"g","7":"h","8":"i","9":"j",
                      "10":"k"},"num_labels":11})")
                .back(),
            "k");
}

TEST(ReadLabels, RefusesContradictions) {
  const auto refuse = [](const char* text, const char* part) {
    expect_error(
        ErrorCode::kCorruptData, [&] { read_labels(Json::parse(text), "c"); }, part);
  };
  refuse(R"({"id2label":{"0":"a","2":"b"}})", "no label 1, 0 to 1 were expected");
  refuse(R"({"id2label":{"a":"0"}})", "no label 0");
  refuse(R"({"id2label":{"0":"a"},"num_labels":2})", "\"num_labels\" is 2, but \"id2label\" holds 1");
  refuse(R"({"id2label":{}})", "an object of 1 to");
  refuse(R"({"id2label":["a"]})", "an object of 1 to");
  refuse(R"({"id2label":{"0":[1]}})", "\"0\" is [1], a string");
  refuse(R"({"num_labels":0})", "\"num_labels\" is 0");
}

}  // namespace
}  // namespace paceline
