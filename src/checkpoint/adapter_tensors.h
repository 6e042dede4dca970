#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tensor/tensor_view.h"

namespace paceline {

using TensorMap = std::map<std::string, TensorView, std::less<>>;

/// The two factors of what LoRA adds to a module's weight, and what its variants add.
struct LoraTensors {
  std::optional<TensorView> a{};          ///< [rank, inputs]; of an embedding [rank, rows]
  std::optional<TensorView> b{};          ///< [outputs, rank]
  std::optional<TensorView> bias{};       ///< of the second factor, [outputs]
  std::optional<TensorView> magnitude{};  ///< of DoRA, [outputs]
  bool embedding = false;
};

/// The tensors of a PEFT model or adapter, by what they are.
struct PeftTensors {
  std::map<std::string, LoraTensors> modules;  ///< by the module's name in the base model
  TensorMap plain;                             ///< whole tensors, under their names in the base model
  std::set<std::string> wrapped;               ///< modules whose own weights stand under base_layer
};

/// What kind of file the tensors are of: names of a state_dict have the adapter's name in them.
enum class PeftForm { kAdapter, kStateDict };

/// Whether the names are those that PEFT gives a model it has wrapped, adapter and all.
bool is_peft_state_dict(const TensorMap& tensors);

/// Throws Error{unsupported} for what belongs to another method than LoRA, several adapters in one, {corrupt_data} for
/// a module with one factor only. `where` opens messages.
PeftTensors sort_peft_tensors(const TensorMap& tensors, PeftForm form, std::string_view where);

}  // namespace paceline
