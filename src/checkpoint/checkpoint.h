#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint_options.h"
#include "checkpoint/model_parts.h"
#include "checkpoint/token_types.h"
#include "model_folder/saved_by.h"
#include "network/network.h"
#include "tensor/tensor_view.h"
#include "tensor/weight_file.h"

namespace paceline {

struct WeightFiles;

/// What the head's numbers mean; config.json's problem_type, inferred as transformers does where it is missing.
enum class ProblemType { kSingleLabelClassification, kMultiLabelClassification, kRegression };

std::string_view problem_type_name(ProblemType type);

/// A model folder as Hugging Face lays it out: config.json, model.safetensors or pytorch_model.bin (or shards with
/// their index), tokenizer.json, tokenizer_config.json. The weights stay mapped and open; only views that do not lie
/// in a row in a file of torch.save are copied. A file that becomes shorter later is an Error{corrupt_data} where its
/// weights are read.
class Checkpoint {
 public:
  /// Reads and checks everything: each weight of the Network is there, has its shape and a float dtype. `options` may
  /// name another file than the folder's. Throws Error{not_found, corrupt_data, unsupported}.
  static Checkpoint open(const std::filesystem::path& model_dir, const CheckpointOptions& options = {});

  const std::filesystem::path& model_dir() const { return model_dir_; }
  /// The folders that its parts are in, where an adapter's base has some of them.
  const ModelParts& parts() const { return parts_; }
  const Network& network() const { return network_; }  ///< as it is to what the tokenizer hands out
  const TokenTypeUse& token_types() const { return token_types_; }
  const SavedBy& saved_by() const { return saved_by_; }
  const std::vector<std::string>& labels() const { return labels_; }  ///< [K]; empty without a head
  ProblemType problem_type() const { return problem_type_; }
  DType dtype() const { return dtype_; }              ///< of the largest share of the weights
  int32_t max_length() const { return max_length_; }  ///< tokens: min(tokenizer's model_max_length, positions)
  bool has_head() const { return !network_.head.empty(); }
  bool random_weights() const { return random_weights_; }  ///< config.json says paceline_random_weights
  int64_t weight_bytes() const { return weight_bytes_; }
  /// As given, with absolute paths, and with the base that was found for an adapter in another folder.
  const CheckpointOptions& options() const { return options_; }
  /// Names within model_dir, or absolute paths where they are elsewhere.
  const std::vector<std::filesystem::path>& weight_files() const { return weight_files_; }
  int64_t unused_tensors() const { return unused_tensors_; }  ///< that the files have and the network does not
  int64_t without_prefix() const { return without_prefix_; }  ///< of those, the ones without CheckpointOptions::prefix
  /// "LoRA of rank 8 on 24 modules", where an adapter has been merged into the weights; else empty.
  const std::string& adapter() const { return adapter_; }
  const std::vector<std::filesystem::path>& adapter_files() const { return adapter_files_; }
  /// What a user has to know about what was read: an adapter that was merged, tensors that nothing uses. Each a
  /// sentence without its full stop.
  const std::vector<std::string>& notices() const { return notices_; }
  /// The part of a training checkpoint that the weights are, as "state_dict"; empty: the whole file.
  const std::string& taken() const { return files_.front().taken(); }

  /// The stored tensor behind a weight of the network.
  const TensorView& tensor(const Weight& weight) const;

  /// Its values as fp32.
  std::vector<float> values(const Weight& weight) const;

  /// Names the content of config.json, the weights, their prefix, an adapter and the tokenizer's files, and whether
  /// token types are kept from a model that reads them; 32 hexadecimal digits. Reads every byte once and remembers the
  /// answer in `cache_dir` by device, inode, size, mtime and ctime; a cache that cannot be written is no error.
  std::string hash(const std::filesystem::path& cache_dir) const;

 private:
  void take_weights(const Network& network, const WeightFiles& weights);

  std::filesystem::path model_dir_;
  ModelParts parts_;
  Network network_;
  TokenTypeUse token_types_;
  SavedBy saved_by_;
  std::vector<std::string> labels_;
  ProblemType problem_type_ = ProblemType::kSingleLabelClassification;
  DType dtype_ = DType::kF32;
  int32_t max_length_ = 0;
  bool random_weights_ = false;
  int64_t weight_bytes_ = 0;
  int64_t unused_tensors_ = 0;
  int64_t without_prefix_ = 0;
  CheckpointOptions options_;
  std::vector<std::filesystem::path> weight_files_;
  std::vector<std::filesystem::path> adapter_files_;
  std::string adapter_;
  std::vector<std::string> notices_;
  std::vector<WeightFile> files_;             ///< what the tensors point into
  std::vector<std::vector<float>> computed_;  ///< what merged tensors point into
  std::map<std::string, TensorView, std::less<>> tensors_;
};

/// config.json and limits without the weights: enough for tokenize and for a first look.
struct CheckpointConfig {
  Network network{};  ///< as Checkpoint has it
  int32_t max_length = 0;
  TokenTypeUse token_types{};
  std::filesystem::path tokenizer{};  ///< the folder with the tokenizer's files
};
/// The folder's own, or that of an adapter's base. Of the options only `base` and `token_types` count.
CheckpointConfig read_checkpoint_config(const std::filesystem::path& model_dir, const CheckpointOptions& options = {});

}  // namespace paceline
