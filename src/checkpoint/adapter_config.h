#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/name_pattern.h"

namespace paceline {

/// The files of a PEFT adapter.
inline constexpr const char* kAdapterConfigFile = "adapter_config.json";
inline constexpr const char* kAdapterWeights[] = {"adapter_model.safetensors", "adapter_model.bin"};

/// A number for the modules whose names match.
struct ModuleNumber {
  std::string key;      ///< as the file has it
  NamePattern pattern;  ///< with what PEFT puts around it
  double number = 0;
};

/// What an adapter_config.json of LoRA says, as far as merging needs it. Which modules are adapted is told by the
/// adapter's tensors; what the file says of it is checked where it is a list.
struct AdapterConfig {
  std::string base;      ///< base_model_name_or_path; may be empty
  std::string revision;  ///< of the base on the hub; empty: the main one
  std::string task;      ///< "SEQ_CLS" or empty
  int64_t rank = 8;
  double alpha = 8;
  std::vector<ModuleNumber> rank_pattern;   ///< ranks of some modules
  std::vector<ModuleNumber> alpha_pattern;  ///< the same for alpha
  bool rank_stabilized = false;             ///< divides by the root of the rank
  bool dora = false;
  std::vector<std::string> target_modules;  ///< names or their endings; empty: a pattern, or nothing was said
  std::vector<int64_t> layers;              ///< layers_to_transform; empty: all
  std::vector<std::string> excluded;        ///< exclude_modules, names or their endings
  std::vector<std::string> replaced;        ///< modules_to_save, and what a classifier of PEFT has beside them
  bool tells_all = false;                   ///< the lists alone say which modules are adapted, no pattern does

  /// The factor of a module's product B A, and the rank that A has. `where` opens messages.
  int64_t rank_of(std::string_view module) const;
  double scaling_of(std::string_view module) const;
  /// The name of the list of targets that a module of the base matches; empty where it is not to have an adapter, or
  /// where that cannot be told from lists.
  std::string target_of(std::string_view module) const;
  /// The name of the list of replaced modules that a tensor of the base belongs to; empty where there is none.
  std::string replaced_by(std::string_view tensor) const;
};

/// Reads `folder`/adapter_config.json. Throws Error{not_found, corrupt_data}, and {unsupported} for another method than
/// LoRA or a variant that cannot be merged into the weights, with what to do.
AdapterConfig read_adapter_config(const std::filesystem::path& folder);

/// The same of its content; `where` opens messages.
AdapterConfig parse_adapter_config(const Json& json, std::string_view where);

/// Whether one of the numbers in a module's name is of these layers. Which one PEFT means follows from layers_pattern.
bool is_in_layer(std::string_view module, const std::vector<int64_t>& layers);

/// The first of the names that is the module's, or its ending; empty where there is none.
std::string ending_of(std::string_view module, const std::vector<std::string>& names);

/// How an adapter that cannot be merged here is merged by its own library.
inline constexpr const char* kMergeWithPeft =
    "Merge it with PEFT: PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder), and name "
    "that folder.";

}  // namespace paceline
