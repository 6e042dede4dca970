#include "checkpoint/adapter_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "checkpoint/adapter_config.h"
#include "checkpoint/weight_names.h"
#include "paceline/error.h"
#include "words/split.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::string_view kBaseLayer = "base_layer";
constexpr std::string_view kOriginal = "original_module";
constexpr std::string_view kSaved = "modules_to_save";
constexpr std::string_view kDefault = "default";  // how PEFT calls an adapter that nobody named

/// Parts of the names of adapters that are no LoRA, or one that cannot be merged.
constexpr std::array<std::string_view, 22> kOtherMethods = {"lora_E",
                                                            "lora_diag",
                                                            "lora_arrow",
                                                            "lora_router",
                                                            "ia3_l",
                                                            "hada_w1_a",
                                                            "hada_w1_b",
                                                            "hada_w2_a",
                                                            "hada_w2_b",
                                                            "lokr_w1",
                                                            "lokr_w2",
                                                            "oft_r",
                                                            "oft_R",
                                                            "boft_R",
                                                            "vera_lambda_b",
                                                            "vera_lambda_d",
                                                            "hra_u",
                                                            "token_adapter",
                                                            "prompt_encoder",
                                                            "prompt_embeddings",
                                                            "trainable_tokens_delta",
                                                            "fourierft_spectrum"};

std::string joined(const std::vector<std::string>& parts, std::size_t begin, std::size_t end) {
  return fmt::format("{}", fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(begin),
                                     parts.begin() + static_cast<std::ptrdiff_t>(end), "."));
}

bool is_factor(std::string_view part) {
  return part == "lora_A" || part == "lora_B" || part == "lora_embedding_A" || part == "lora_embedding_B" ||
         part == "lora_magnitude_vector";
}

/// Sorts one file's tensors by their names.
class Sorter {
 public:
  Sorter(PeftForm form, std::string_view where) : form_(form), where_(where) {}

  void add(const std::string& name, const TensorView& tensor) {
    std::vector<std::string> parts = split(strip_wrappers(name), '.');
    while (parts.size() > 2 && parts[0] == "base_model" && parts[1] == "model")
      parts.erase(parts.begin(), parts.begin() + 2);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (std::find(kOtherMethods.begin(), kOtherMethods.end(), parts[i]) != kOtherMethods.end()) {
        throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the tensor {} belongs to an adapter that is no LoRA. {}",
                                                         where_, excerpt(name), kMergeWithPeft));
      }
      if (is_factor(parts[i])) return add_factor(parts, i, tensor);
      if (parts[i] == kOriginal) return;  // what modules_to_save takes the place of
    }
    add_plain(std::move(parts), name, tensor);
  }

  PeftTensors take() {
    for (Saved& saved : saved_) add_saved(std::move(saved));
    if (adapters_.size() > 1) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] it has several adapters ({}), one was expected. {}", where_,
                              excerpt(fmt::format("{}", fmt::join(adapters_, ", "))), kMergeWithPeft));
    }
    for (const auto& [module, factors] : sorted_.modules) {
      if (factors.a && factors.b) continue;
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the module {} has one factor of LoRA, two were expected. Is "
                              "the adapter complete?",
                              where_, excerpt(module)));
    }
    return std::move(sorted_);
  }

 private:
  /// A whole tensor that modules_to_save names: MODULE.modules_to_save[.ADAPTER].weight.
  struct Saved {
    std::vector<std::string> parts;
    std::size_t at;  ///< what stands behind modules_to_save
    std::string name;
    TensorView tensor;
  };

  /// MODULE.lora_A[.ADAPTER].weight, MODULE.lora_embedding_A[.ADAPTER].
  void add_factor(const std::vector<std::string>& parts, std::size_t at, const TensorView& tensor) {
    LoraTensors& module = sorted_.modules[joined(parts, 0, at)];
    const std::string_view kind = parts[at];
    const bool bias = parts.back() == "bias";
    std::size_t end = parts.size();
    if (end > at + 1 && (bias || parts.back() == "weight")) --end;
    if (end > at + 1) adapters_.insert(parts[at + 1]);
    if (kind == "lora_magnitude_vector") {
      module.magnitude = tensor;
    } else if (bias) {
      module.bias = tensor;
    } else {
      (kind.ends_with('A') ? module.a : module.b) = tensor;
    }
    if (kind.starts_with("lora_embedding")) module.embedding = true;
  }

  void add_plain(std::vector<std::string> parts, const std::string& name, const TensorView& tensor) {
    if (const auto base = std::find(parts.begin(), parts.end(), kBaseLayer); base != parts.end()) {
      sorted_.wrapped.insert(joined(parts, 0, static_cast<std::size_t>(base - parts.begin())));
      parts.erase(base);
    }
    if (auto saved = std::find(parts.begin(), parts.end(), kSaved); saved != parts.end()) {
      saved = parts.erase(saved);
      const auto at = static_cast<std::size_t>(saved - parts.begin());
      saved_.push_back({std::move(parts), at, name, tensor});
      return;
    }
    keep(parts, name, tensor);
  }

  /// A state_dict always has the adapter's name there; an adapter's own file where its factors have it too, or where it
  /// was written by hand from a state_dict.
  void add_saved(Saved saved) {
    if (saved.at < saved.parts.size()) {
      const std::string next = saved.parts[saved.at];
      if (form_ == PeftForm::kStateDict || next == kDefault || adapters_.contains(next)) {
        adapters_.insert(next);
        saved.parts.erase(saved.parts.begin() + static_cast<std::ptrdiff_t>(saved.at));
      }
    }
    keep(saved.parts, saved.name, saved.tensor);
  }

  void keep(const std::vector<std::string>& parts, const std::string& name, const TensorView& tensor) {
    const auto [place, fresh] = sorted_.plain.emplace(joined(parts, 0, parts.size()), tensor);
    if (!fresh && !same_content(place->second, tensor)) {
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] the tensor {} is there twice with different values. {}",
                                                       where_, excerpt(name), kMergeWithPeft));
    }
  }

  PeftForm form_;
  std::string_view where_;
  PeftTensors sorted_;
  std::vector<Saved> saved_;
  std::set<std::string> adapters_;
};

}  // namespace

bool is_peft_state_dict(const TensorMap& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const auto& named) {
    const std::vector<std::string> parts = split(named.first, '.');
    return std::any_of(parts.begin(), parts.end(),
                       [](const std::string& part) { return is_factor(part) || part == kBaseLayer || part == kSaved; });
  });
}

PeftTensors sort_peft_tensors(const TensorMap& tensors, PeftForm form, std::string_view where) {
  Sorter sorter(form, where);
  for (const auto& [name, tensor] : tensors) sorter.add(name, tensor);
  return sorter.take();
}

}  // namespace paceline
