#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "backend/trainer.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "statistics/random.h"

namespace paceline {

/// For tests: values of tensors by their names.
using Values = std::map<std::string, std::vector<float>>;

inline Values copy_of(const std::vector<NamedTensor>& tensors) {
  Values values;
  for (const NamedTensor& tensor : tensors) {
    std::vector<float>& copy = values[tensor.name];
    copy.resize(tensor.tensor.bytes.size() / sizeof(float));
    std::memcpy(copy.data(), tensor.tensor.bytes.data(), tensor.tensor.bytes.size());
  }
  return values;
}

/// For tests: random texts of 1 to `longest` tokens with random labels, one-hot or of regression.
inline TrainingBatch random_texts(const Network& network, int texts, uint64_t seed, int32_t longest = 12) {
  Random random(seed);
  TrainingBatch batch;
  for (int text = 0; text < texts; ++text) {
    const auto length = static_cast<int32_t>(1 + random.below(static_cast<uint64_t>(longest)));
    for (int32_t i = 0; i < length; ++i) {
      batch.sequences.input_ids.push_back(
          2 + static_cast<int32_t>(random.below(static_cast<uint64_t>(network.vocab_size) - 2)));
      if (reads_token_types(network)) batch.sequences.token_type_ids.push_back(i % 2);
    }
    batch.sequences.cu_seqlens.push_back(static_cast<int32_t>(batch.sequences.input_ids.size()));
    batch.sequences.max_seqlen = std::max(batch.sequences.max_seqlen, length);
    const auto label = static_cast<int32_t>(random.below(static_cast<uint64_t>(network.outputs)));
    for (int32_t k = 0; k < network.outputs; ++k) batch.targets.push_back(k == label ? 1.0F : 0.0F);
    batch.weights.push_back(1);
  }
  return batch;
}

/// For tests: one update of as many passes as there are batches; gives the loss of a text.
inline double train(Trainer& trainer, const std::vector<TrainingBatch>& batches, double learning_rate) {
  double texts = 0;
  for (const TrainingBatch& batch : batches) texts += std::accumulate(batch.weights.begin(), batch.weights.end(), 0.0);
  double loss = 0;
  for (const TrainingBatch& batch : batches) loss += trainer.accumulate(batch, 1 / texts);
  trainer.update(learning_rate, 1);
  return loss / texts;
}

/// A tiny RoBERTa that drops.
class TorchTraining : public testing::Test {
 protected:
  void SetUp() override {
    Json config = tiny_config();
    // Of attention alone, so that both kinds are there and the model still learns.
    config["hidden_dropout_prob"] = 0.1;
    config["attention_probs_dropout_prob"] = 0.2;
    write_tiny_checkpoint(folder_.path(), config);
    checkpoint_ = Checkpoint::open(folder_.path());
  }

  const Network& network() const { return checkpoint_.network(); }

  TemporaryFolder folder_;
  Checkpoint checkpoint_;
};

}  // namespace paceline
