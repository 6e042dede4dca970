#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <optional>
#include <string>

#include "backend/torch/forward_state.h"
#include "backend/torch/torchscript_inputs.h"
#include "network/network.h"
#include "paceline/error.h"

namespace paceline {

/// A TorchScript file as a function from padded inputs to logits, whoever made it: its inputs are found by name (or, if
/// it has none that is known, by place), its logits by name or shape, int32 ids are tried where int64 are refused.
class TorchscriptModule {
 public:
  /// Loads, freezes and tries the file. `network` must outlive it. Throws Error: not_found (no such file), corrupt_data
  /// (no TorchScript file), unsupported (inputs that nobody can provide, no output [B, outputs], or it cannot run).
  TorchscriptModule(std::filesystem::path file, const Network& network, at::Device device);

  /// Logits [B, outputs] in the file's own dtype. All inputs that the network reads must be defined. Throws Error.
  at::Tensor operator()(const ForwardInputs& inputs);

  /// Of the largest share of the float weights; none where the file holds them as constants.
  std::optional<at::ScalarType> dtype() const { return dtype_; }
  /// A file without a mask cannot tell padding from text.
  bool reads_mask() const { return inputs_.reads_mask(); }
  bool reads_types() const { return inputs_.reads_types(); }
  const std::filesystem::path& file() const { return file_; }
  /// "input_ids, attention_mask as int64, frozen": for the report.
  std::string description() const;

 private:
  /// Where the logits stand in what forward returns.
  struct Place {
    std::optional<std::string> key;    ///< of a dict
    std::optional<std::size_t> index;  ///< of a tuple or list
  };

  void load(at::Device device);
  void freeze();
  void try_out(at::Device device);
  void find_logits(const c10::IValue& output, int64_t rows);
  bool is_logits(const c10::IValue& value, int64_t rows) const;
  at::Tensor logits_of(const c10::IValue& output) const;
  c10::IValue call(const ForwardInputs& inputs);
  [[noreturn]] void refuse(ErrorCode code, const std::string& what) const;

  std::filesystem::path file_;
  const Network& network_;
  torch::jit::Module module_;
  TorchscriptInputs inputs_;
  Place place_;
  std::optional<at::ScalarType> dtype_;
  at::ScalarType id_dtype_ = at::kLong;
  bool frozen_ = false;
};

}  // namespace paceline
