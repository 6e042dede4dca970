/// Trains a checkpoint on the batches of a file: what training_oracle.py does with PyTorch in Python.
///
///   training_tool MODEL_DIR BATCHES.json WEIGHTS.safetensors
///
/// BATCHES.json: {"padded": bool, "weight_decay": W, "max_norm": M, "updates": [{"rate": R, "ids": [[...]],
/// "types": [[...]], "targets": [[...]]}]}. Prints the loss and the norm of each update as JSON.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "backend/trainer.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "tensor/safetensors.h"

namespace {

using paceline::Json;

paceline::TrainingBatch batch_of(const Json& update) {
  paceline::TrainingBatch batch;
  for (const Json& ids : update.at("ids")) {
    for (const Json& id : ids) batch.sequences.input_ids.push_back(id.get<int32_t>());
    batch.sequences.cu_seqlens.push_back(static_cast<int32_t>(batch.sequences.input_ids.size()));
    batch.sequences.max_seqlen = std::max(batch.sequences.max_seqlen, static_cast<int32_t>(ids.size()));
    batch.weights.push_back(1);
  }
  for (const Json& types : update.value("types", Json::array())) {
    for (const Json& type : types) batch.sequences.token_type_ids.push_back(type.get<int32_t>());
  }
  for (const Json& targets : update.at("targets")) {
    for (const Json& target : targets) batch.targets.push_back(target.get<float>());
  }
  return batch;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 4) {
    std::fprintf(stderr, "usage: training_tool MODEL_DIR BATCHES.json WEIGHTS.safetensors\n");
    return 2;
  }
  const Json plan = paceline::read_json_file(arguments[2]);
  const bool typed = plan.at("updates").front().contains("types");
  const paceline::Checkpoint checkpoint = paceline::Checkpoint::open(
      arguments[1], {.token_types = typed ? paceline::TokenTypes::kYes : paceline::TokenTypes::kNo});
  const auto trainer = paceline::create_trainer(checkpoint, {.threads = 1,
                                                             .padded = plan.at("padded").get<bool>(),
                                                             .dropout = false,
                                                             .weight_decay = plan.at("weight_decay").get<double>(),
                                                             .epsilon = plan.at("epsilon").get<double>()});
  Json out = Json::array();
  for (const Json& update : plan.at("updates")) {
    const paceline::TrainingBatch batch = batch_of(update);
    const double texts = static_cast<double>(batch.weights.size());
    const double loss = trainer->accumulate(batch, 1 / texts) / texts;
    const double norm = trainer->update(update.at("rate").get<double>(), plan.at("max_norm").get<double>());
    out.push_back({{"loss", loss}, {"norm", norm}});
  }
  paceline::write_safetensors(arguments[3], trainer->weights(), {{"format", "pt"}});
  std::printf("%s\n", out.dump().c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
