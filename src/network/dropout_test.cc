#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "network/network.h"
#include "network/testing/family_config.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::Pointwise;

/// Every share of a network, the head's steps behind the others.
std::vector<double> shares(const Network& network) {
  const Dropout& dropout = network.dropout;
  std::vector<double> all{dropout.embeddings, dropout.positions,  dropout.attention,   dropout.attention_output,
                          dropout.ffn_inner,  dropout.ffn_output, dropout.convolution, dropout.layers,
                          dropout.last,       dropout.logits};
  for (const HeadStep& step : network.head) all.push_back(step.dropout);
  return all;
}

void expect_shares(const std::string& model, const Json& changes, const std::vector<double>& expected) {
  SCOPED_TRACE(model + changes.dump());
  EXPECT_THAT(shares(describe(family_config(model, changes))), Pointwise(testing::DoubleNear(1e-12), expected));
}

// What the modules of transformers read when they are made, each key with a number of its own.
TEST(Dropout, IsReadUnderTheNamesOfEachFamily) {
  const Json bert{{"hidden_dropout_prob", 0.2}, {"attention_probs_dropout_prob", 0.3}, {"classifier_dropout", 0.4}};
  expect_shares("bert-mish-odd", bert, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0, 0, 0, 0, 0.4});
  expect_shares("xlm-roberta-plain", bert, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0, 0, 0, 0.4, 0.4});
  expect_shares("electra-even", bert, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0, 0, 0, 0.4, 0.4});
  expect_shares("mpnet-plain", bert, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0, 0, 0, 0.2, 0.2});
  Json albert = bert;
  albert["classifier_dropout_prob"] = 0.5;
  expect_shares("albert-shared", albert, {0.2, 0, 0.3, 0.2, 0, 0, 0, 0, 0, 0, 0, 0.5});
  Json deberta = bert;
  deberta.update({{"pooler_dropout", 0.6}, {"cls_dropout", 0.7}});
  expect_shares("deberta-v2-convolution", deberta, {0.2, 0.2, 0.3, 0.2, 0, 0.2, 0.2, 0, 0, 0, 0.6, 0.7});
  expect_shares("distilbert-plain", {{"dropout", 0.2}, {"attention_dropout", 0.3}, {"seq_classif_dropout", 0.4}},
                {0.2, 0, 0.3, 0, 0, 0.2, 0, 0, 0, 0, 0, 0.4});
  expect_shares(
      "modernbert-mean-biases",
      {{"embedding_dropout", 0.2}, {"attention_dropout", 0.3}, {"mlp_dropout", 0.4}, {"classifier_dropout", 0.5}},
      {0.2, 0, 0.3, 0.3, 0.4, 0, 0, 0, 0, 0, 0, 0.5});
  expect_shares("gpt2-plain", {{"embd_pdrop", 0.2}, {"attn_pdrop", 0.3}, {"resid_pdrop", 0.4}},
                {0.2, 0, 0.3, 0.4, 0, 0.4, 0, 0, 0, 0, 0});
  expect_shares("xlnet-plain", {{"dropout", 0.2}, {"summary_first_dropout", 0.3}, {"summary_last_dropout", 0.4}},
                {0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0, 0, 0.2, 0, 0.3, 0.4});
  const Json xlm{{"dropout", 0.2},
                 {"attention_dropout", 0.3},
                 {"summary_first_dropout", 0.4},
                 {"summary_last_dropout", 0.5},
                 {"layerdrop", 0.6}};
  expect_shares("xlm-plain", xlm, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0, 0, 0.5, 0.4});
  expect_shares("flaubert-plain", xlm, {0.2, 0, 0.3, 0.2, 0, 0.2, 0, 0.6, 0, 0.5, 0.4});
}

// Without its projection, a summary drops twice what the next layer reads: 1 - 0.7 * 0.6.
TEST(Dropout, OfASummaryWithoutProjectionIsThatOfBothSides) {
  expect_shares("xlnet-plain",
                {{"summary_use_proj", false},
                 {"summary_activation", nullptr},
                 {"dropout", 0},
                 {"summary_first_dropout", 0.3},
                 {"summary_last_dropout", 0.4}},
                {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.58});
}

TEST(Dropout, HasTheDefaultsOfEachClass) {
  const auto of = [](const char* model, const std::vector<std::string>& keys) {
    Json config = family_config(model);
    for (const std::string& key : keys) config.erase(key);
    return shares(describe(config));
  };
  const std::vector<std::string> bert{"hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout",
                                      "classifier_dropout_prob", "pooler_dropout"};
  EXPECT_THAT(of("bert-mish-odd", bert), ElementsAre(0.1, 0, 0.1, 0.1, 0, 0.1, 0, 0, 0, 0, 0, 0.1));
  EXPECT_THAT(of("xlm-roberta-plain", bert), ElementsAre(0.1, 0, 0.1, 0.1, 0, 0.1, 0, 0, 0, 0, 0.1, 0.1));
  EXPECT_THAT(of("mpnet-plain", bert), ElementsAre(0.1, 0, 0.1, 0.1, 0, 0.1, 0, 0, 0, 0, 0.1, 0.1));
  EXPECT_THAT(of("albert-shared", bert), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1));
  EXPECT_THAT(of("deberta-v3-like", bert), ElementsAre(0.1, 0.1, 0.1, 0.1, 0, 0.1, 0.1, 0, 0, 0, 0, 0.1));
  EXPECT_THAT(of("distilbert-plain", {"dropout", "attention_dropout", "seq_classif_dropout"}),
              ElementsAre(0.1, 0, 0.1, 0, 0, 0.1, 0, 0, 0, 0, 0, 0.2));
  EXPECT_THAT(of("modernbert-windows", {"embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout"}),
              ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(of("gpt2-plain", {"embd_pdrop", "attn_pdrop", "resid_pdrop"}),
              ElementsAre(0.1, 0, 0.1, 0.1, 0, 0.1, 0, 0, 0, 0, 0));
  EXPECT_THAT(of("xlnet-plain", {"dropout", "summary_last_dropout"}),
              ElementsAre(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0, 0.1, 0, 0, 0.1));
  EXPECT_THAT(of("flaubert-plain", {"dropout", "attention_dropout", "layerdrop", "summary_first_dropout"}),
              ElementsAre(0.1, 0, 0.1, 0.1, 0, 0.1, 0, 0, 0, 0, 0.1));
}

TEST(Dropout, OfTheHeadIsThatOfTheLayersWhereItHasNone) {
  expect_shares("bert-mish-odd", {{"hidden_dropout_prob", 0.2}, {"classifier_dropout", nullptr}},
                {0.2, 0, 0.1, 0.2, 0, 0.2, 0, 0, 0, 0, 0, 0.2});
  expect_refused(ErrorCode::kCorruptData, "bert-mish-odd", "hidden_dropout_prob", 1.5, "0 to 1");
  expect_refused(ErrorCode::kCorruptData, "gpt2-plain", "attn_pdrop", "much", "number");
}

}  // namespace
}  // namespace paceline
