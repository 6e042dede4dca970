#pragma once

#include <torch/csrc/jit/api/module.h>

#include <optional>
#include <string>
#include <vector>

#include "backend/torch/forward_state.h"
#include "network/network.h"

namespace paceline {

/// Which argument of a TorchScript module takes which input: found by name or, where no name is known, by place.
class TorchscriptInputs {
 public:
  TorchscriptInputs() = default;
  /// `file` opens messages. Throws Error{unsupported} for arguments that nobody can provide.
  TorchscriptInputs(const torch::jit::Module& module, const Network& network, const std::string& file);

  bool reads_mask() const { return has(Role::kAttentionMask); }
  bool reads_types() const { return has(Role::kTokenTypeIds); }

  /// What the module is called with; ids as `dtype`.
  torch::jit::Stack arguments(const ForwardInputs& inputs, at::ScalarType dtype) const;

  /// "input_ids, attention_mask": as the file calls them.
  std::string names() const;

 private:
  enum class Role { kInputIds, kAttentionMask, kTokenTypeIds, kDefault };
  struct Input {
    std::string name;
    Role role = Role::kDefault;
    std::optional<c10::IValue> fallback;  ///< the file's default; always there for kDefault
  };

  void read_schema(const torch::jit::Module& module, const std::string& file);
  Role role_by_name(const std::string& name) const;
  void assign_by_place();
  void settle_types(const Network& network, const std::string& file);
  bool has(Role role) const;

  std::vector<Input> inputs_;
};

}  // namespace paceline
