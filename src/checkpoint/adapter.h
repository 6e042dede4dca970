#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/adapter_config.h"
#include "checkpoint/adapter_tensors.h"
#include "checkpoint/weight_files.h"
#include "network/network.h"
#include "tensor/weight_file.h"

namespace paceline {

/// A LoRA adapter and the weights that it changes. What PEFT's merge_and_unload does is done in fp32, whatever the
/// weights are stored in.
class Adapter {
 public:
  /// That of `folder`: adapter_config.json with adapter_model.safetensors or .bin. Throws Error.
  static Adapter open(const std::filesystem::path& folder);

  /// The one that a state_dict of an unmerged model holds, with `folder`'s adapter_config.json, which has the scale.
  /// Leaves the base's own weights in `weights`.
  static Adapter take_from(WeightFiles* weights, const std::filesystem::path& folder);

  const AdapterConfig& config() const { return config_; }
  /// The adapter's files, without those that hold the base's weights too.
  const std::vector<std::filesystem::path>& files() const { return paths_; }

  /// Puts the whole tensors of the adapter, its head mostly, in place of the base's, finds the modules' weights, and
  /// hands its files over to `weights`, which keeps them open.
  /// Throws Error{corrupt_data} for a module that the base does not have.
  void join(WeightFiles* weights);

  /// Compares the weights beside an adapter with those of the base that it names: they may be merged already. Throws
  /// Error{unsupported} where they differ.
  void compare_base(const std::filesystem::path& named, const WeightFiles& weights, bool keeps_model) const;

  /// Makes the base's config one of a classifier where the adapter is one: its class and the number of its labels,
  /// which the adapter's head decides. Says in `notices` where labels have no names.
  void fit_config(const WeightFiles& weights, Json* config, std::vector<std::string>* notices) const;

  /// Throws Error{corrupt_data} where the adapter lacks what its own config asks for of this network: a head, or both
  /// factors of a module.
  void check_complete(const Network& network) const;

  /// Adds the products to the weights; those of `transposed` are stored as [inputs, outputs].
  void merge(const std::set<std::string>& transposed, WeightFiles* weights) const;

  /// "LoRA of rank 4 on 24 modules; 2 tensors replaced".
  std::string summary() const;

 private:
  void check_module(const std::string& module) const;
  void merge_weight(const std::string& module, const LoraTensors& factors, const std::set<std::string>& transposed,
                    WeightFiles* weights) const;
  void merge_bias(const std::string& module, const LoraTensors& factors, WeightFiles* weights) const;

  AdapterConfig config_;
  std::filesystem::path where_;
  std::vector<std::filesystem::path> paths_;
  std::vector<WeightFile> opened_;  ///< what the tensors point into
  PeftTensors tensors_;
  std::map<std::string, std::string> stored_;  ///< module: the name of its weight among the base's, without ".weight"
  std::set<std::string> replaced_;             ///< whole tensors, by their names among the base's
  bool beside_ = true;                         ///< a file of its own, not within a state_dict
};

/// The weights of a network that are stored as [inputs, outputs].
std::set<std::string> transposed_weights(const Network& network);

}  // namespace paceline
