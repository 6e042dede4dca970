#include <gtest/gtest.h>

#include <string>

#include "network/network.h"
#include "network/testing/family_config.h"

namespace paceline {
namespace {

void expect_rows(const std::string& model, const Json& changes, int32_t of_words, int32_t of_positions) {
  SCOPED_TRACE(model + changes.dump());
  const Embeddings embeddings = describe(family_config(model, changes)).embeddings;
  EXPECT_EQ(embeddings.words.padding_row, of_words);
  EXPECT_EQ(embeddings.positions.padding_row, of_positions);
}

// padding_idx of the modules of transformers, 4.57 and 5 alike.
TEST(PaddingRow, IsThatOfEachFamily) {
  const Json five{{"pad_token_id", 5}};
  for (const char* model : {"bert-mish-odd", "albert-shared", "electra-even", "distilbert-plain", "deberta-v3-like",
                            "modernbert-windows"}) {
    expect_rows(model, five, 5, -1);
    expect_rows(model, {{"pad_token_id", nullptr}}, -1, -1);
  }
  expect_rows("xlm-roberta-plain", five, 5, 5);
  expect_rows("mpnet-plain", five, 1, 1);
  expect_rows("gpt2-plain", five, -1, -1);
  expect_rows("xlnet-plain", five, -1, -1);
  for (const char* model : {"xlm-plain", "flaubert-plain"}) {
    expect_rows(model, {{"pad_token_id", 5}, {"pad_index", 4}}, 4, -1);
    // Token types are rows of the same table.
    EXPECT_EQ(describe(family_config(model, {{"pad_index", 1}})).embeddings.token_types.padding_row, 1);
  }
}

// requires_grad of what from_pretrained loads.
TEST(TrainedWeights, ArePositionsThatAreNoSinesOrOfVersion5) {
  const auto trained = [](const std::string& model, const Json& changes) {
    return describe(family_config(model, changes)).embeddings.positions.trained;
  };
  EXPECT_TRUE(trained("distilbert-plain", {}));
  EXPECT_FALSE(trained("distilbert-relu-sines", {}));
  EXPECT_TRUE(trained("distilbert-relu-sines", {{"transformers_version", "5.0.0"}}));
  for (const char* model : {"xlm-plain", "flaubert-plain"}) {
    EXPECT_TRUE(trained(model, {}));
    EXPECT_FALSE(trained(model, {{"sinusoidal_embeddings", true}}));
    EXPECT_TRUE(trained(model, {{"sinusoidal_embeddings", true}, {"transformers_version", "5.0.0"}}));
  }
}

}  // namespace
}  // namespace paceline
