#include "checkpoint/weight_names.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

const std::vector<float> kOnes(4, 1.0F);
const std::vector<float> kTwos(4, 2.0F);

TensorView view(const std::vector<float>& values) {
  return {.dtype = DType::kF32, .shape = {4}, .bytes = std::as_bytes(std::span(values))};
}

std::vector<std::string> renamed(const std::vector<std::string>& names, bool keeps_model = false) {
  std::vector<std::string> now;
  for (const std::string& name : names) {
    TensorMap tensors{{name, view(kOnes)}};
    rename_tensors(tensors, keeps_model, "w");
    now.push_back(tensors.begin()->first);
  }
  return now;
}

TEST(RenameTensors, TakesOffWhatProgramsPutBeforeNames) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(renamed({"module.bert.a", "_orig_mod.bert.a", "model.bert.a", "module._orig_mod.model.bert.a", "bert.a",
                     "bert._orig_mod.encoder.a", "bert.module.a", "model.model.classifier.weight",
                     "base_model.model.bert.a", "_fsdp_wrapped_module.bert.a"}),
            (Names{"bert.a", "bert.a", "bert.a", "bert.a", "bert.a", "bert.encoder.a", "bert.a", "classifier.weight",
                   "bert.a", "bert.a"}));
  EXPECT_EQ(renamed({"a.LayerNorm.gamma", "a.LayerNorm.beta", "module.gamma", "modules.a"}),
            (Names{"a.LayerNorm.weight", "a.LayerNorm.bias", "gamma", "modules.a"}));
}

TEST(RenameTensors, LeavesModernBertItsModel) {
  EXPECT_EQ(renamed({"model.layers.0.attn.Wo.weight", "model.model.embeddings.norm.weight", "model.head.dense.weight",
                     "model.classifier.weight", "layers.0.attn.Wo.weight", "head.norm.weight",
                     "_orig_mod.model.final_norm.weight"},
                    true),
            (std::vector<std::string>{"model.layers.0.attn.Wo.weight", "model.embeddings.norm.weight",
                                      "head.dense.weight", "classifier.weight", "layers.0.attn.Wo.weight",
                                      "head.norm.weight", "model.final_norm.weight"}));
}

TEST(RenameTensors, TwoTensorsOfOneNameHaveToBeTheSame) {
  TensorMap tensors{{"bert.a", view(kOnes)}, {"module.bert.a", view(kOnes)}};
  rename_tensors(tensors, false, "w");
  EXPECT_EQ(tensors.size(), 1U);
  tensors = {{"bert.a", view(kOnes)}, {"module.bert.a", view(kTwos)}};
  expect_error(
      ErrorCode::kCorruptData, [&] { rename_tensors(tensors, false, "w"); }, "bert.a and module.bert.a", "they differ",
      "--prefix module.");
  tensors = {{"a.weight", view(kOnes)}, {"a.gamma", view(kTwos)}};
  rename_tensors(tensors, false, "w");
  EXPECT_TRUE(tensors.contains("a.gamma")) << "it is something else here";
}

TEST(CommonExtras, AreWhatNoAnswerDependsOn) {
  for (const char* name : {"bert.embeddings.position_ids", "roberta.pooler.dense.weight", "cls.predictions.bias",
                           "lm_head.layer_norm.weight", "h.0.attn.bias", "transformer.h.3.attn.masked_bias",
                           "vocab_projector.bias", "discriminator_predictions.dense.bias", "decoder.bias"}) {
    EXPECT_TRUE(is_common_extra(name)) << name;
  }
  for (const char* name : {"bert.encoder.layer.2.output.dense.weight", "classifier.weight", "qa_outputs.weight",
                           "head.dense.bias", "layers.0.attn.Wqkv.bias", "criterion.weight", "bert.decoder.bias"}) {
    EXPECT_FALSE(is_common_extra(name)) << name;
  }
}

}  // namespace
}  // namespace paceline
