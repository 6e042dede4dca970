#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "backend/trainer.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "network/network.h"
#include "train/label_scan.h"

namespace paceline {

/// A checkpoint as transformers saves its class for classification: config.json that names the class and the labels,
/// and the weights under that class's names.
class ClassifierFolder {
 public:
  /// Of `checkpoint`, with or without a head, what a classifier of these labels has in its config.json and which
  /// weights it has. `checkpoint` must outlive it. Throws what describe_network throws.
  ClassifierFolder(const Checkpoint& checkpoint, const LabelScheme& scheme);

  const Json& config() const { return config_; }
  const Network& network() const { return network_; }  ///< under the names of transformers' class

  /// Writes config.json, the tokenizer's files and model.safetensors in fp32. The weights are the checkpoint's; those
  /// of the head that the files lack, or have in another shape, are drawn from N(0, the config's initializer_range),
  /// biases are 0 and norms 1, as transformers begins a head. `seed` decides them. Throws as check_weight.
  void write_start(const std::filesystem::path& folder, uint64_t seed) const;

  /// The same with these weights, which have the checkpoint's names. Throws Error{corrupt_data} where one is missing or
  /// has another shape.
  void write_trained(const std::filesystem::path& folder, std::span<const NamedTensor> weights) const;

 private:
  std::string stored_name(const std::string& name) const;
  void write_all(const std::filesystem::path& folder, const std::vector<NamedTensor>& tensors) const;

  const Checkpoint& checkpoint_;
  Json config_;
  Network network_;
  std::string added_prefix_;  ///< what the class has before the names of the encoder's weights and the files have not
};

/// The files that a folder of ClassifierFolder may have.
std::vector<std::string> classifier_files();

/// The weights that --freeze keeps as they are, by their names in the checkpoint: "encoder", "embeddings" or a number
/// of layers, which takes the embeddings with them. A block that a later layer runs, too, is not frozen with a number.
/// Throws Error{invalid_argument} for more layers than there are.
std::vector<std::string> frozen_weights(const Network& network, const std::string& freeze);

}  // namespace paceline
