#include "checkpoint/weight_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "paceline/error.h"
#include "words/split.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::array<std::string_view, 4> kWrappers = {"module", "_orig_mod", "_fsdp_wrapped_module",
                                                       "_checkpoint_wrapped_module"};
constexpr std::string_view kModel = "model.";
constexpr std::string_view kPeft = "base_model.";  // with model. behind, where PEFT has merged an adapter and stayed
/// What ModernBERT's encoder, which it calls model, begins with.
constexpr std::array<std::string_view, 3> kEncoderParts = {"embeddings.", "layers.", "final_norm."};

/// What the heads begin with that models are pre-trained with. A model for classification is trained from such a one.
constexpr std::array<std::string_view, 18> kPretrainingHeads = {"cls.predictions.",
                                                                "cls.seq_relationship.",
                                                                "lm_head.",
                                                                "vocab_transform.",
                                                                "vocab_projector.",
                                                                "discriminator_predictions.",
                                                                "generator_predictions.",
                                                                "vocab_layer_norm.",
                                                                "lm_loss.",
                                                                "generator_lm_head.",
                                                                "pred_layer.",
                                                                "predictions.",
                                                                "sop_classifier.",
                                                                "lm_predictions.",
                                                                "mask_predictions.",
                                                                "decoder.",
                                                                "head.dense.weight",
                                                                "head.norm.weight"};

/// Buffers: places, causal masks and frequencies, which follow from the config; and XLNet's embedding of words that it
/// learned to predict.
constexpr std::array<std::string_view, 6> kBuffers = {"position_ids", "token_type_ids",    "inv_freq",
                                                      ".attn.bias",   ".attn.masked_bias", ".mask_emb"};

std::string without_model(std::string name, bool keeps_model) {
  std::string_view rest = name;
  if (rest.starts_with(kPeft)) rest.remove_prefix(kPeft.size());
  while (rest.starts_with(kModel) && rest.size() > kModel.size()) rest.remove_prefix(kModel.size());
  const bool encoder = std::any_of(kEncoderParts.begin(), kEncoderParts.end(),
                                   [&](std::string_view part) { return rest.starts_with(part); });
  if (keeps_model && encoder && name.size() > rest.size()) return std::string(kModel) + std::string(rest);
  return std::string(rest);
}

/// The name with today's ending, where it has an old one.
std::string todays_ending(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kEndings = {
      {{".gamma", ".weight"}, {".beta", ".bias"}}};
  for (const auto& [old_ending, ending] : kEndings) {
    if (name.ends_with(old_ending)) return name.substr(0, name.size() - old_ending.size()) + std::string(ending);
  }
  return name;
}

[[noreturn]] void throw_ambiguous(const std::string& name, const std::string& first, const std::string& second,
                                  std::string_view where) {
  const std::string& longer = first.size() > second.size() ? first : second;
  const std::string remedy = longer.size() > name.size() && longer.ends_with(name)
                                 ? fmt::format("Choose those with a prefix: --prefix {}",
                                               excerpt(longer.substr(0, longer.size() - name.size())))
                                 : std::string("Save the state_dict of one model.");
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] the tensors {} and {} both become {} when their prefixes are removed, and they "
                          "differ. {}",
                          where, excerpt(first), excerpt(second), excerpt(name), remedy));
}

}  // namespace

std::string strip_wrappers(std::string_view name) {
  std::vector<std::string> parts = split(name, '.');
  std::erase_if(parts, [](const std::string& part) {
    return std::find(kWrappers.begin(), kWrappers.end(), part) != kWrappers.end();
  });
  return parts.empty() ? std::string(name) : fmt::format("{}", fmt::join(parts, "."));
}

bool same_content(const TensorView& a, const TensorView& b) {
  if (a.dtype != b.dtype || a.shape != b.shape || a.bytes.size() != b.bytes.size()) return false;
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::vector<std::byte> ours(std::min(kBlock, a.bytes.size()));
  std::vector<std::byte> theirs(ours.size());
  for (std::size_t first = 0; first < a.bytes.size(); first += ours.size()) {
    const std::size_t count = std::min(ours.size(), a.bytes.size() - first);
    copy_bytes(a, first, std::span(ours).first(count));
    copy_bytes(b, first, std::span(theirs).first(count));
    if (!std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(count), theirs.begin())) return false;
  }
  return true;
}

void rename_tensors(TensorMap& tensors, bool keeps_model, std::string_view where) {
  TensorMap renamed;
  std::map<std::string, std::string> origins;
  for (const auto& [name, tensor] : tensors) {
    const std::string short_name = without_model(strip_wrappers(name), keeps_model);
    const std::string ended = todays_ending(short_name);
    // Where a file has both, the tensor of the old ending is something else.
    const std::string& now = ended != short_name && tensors.contains(todays_ending(name)) ? short_name : ended;
    const auto [place, fresh] = renamed.emplace(now, tensor);
    if (fresh) {
      origins.emplace(now, name);
    } else if (!same_content(place->second, tensor)) {
      throw_ambiguous(now, origins[now], name, where);
    }
  }
  tensors = std::move(renamed);
}

bool is_common_extra(std::string_view name) {
  const auto ends = [name](std::string_view end) { return name.ends_with(end); };
  const auto begins = [name](std::string_view begin) { return name.starts_with(begin); };
  const std::vector<std::string> parts = split(name, '.');
  return std::any_of(kBuffers.begin(), kBuffers.end(), ends) ||
         std::any_of(kPretrainingHeads.begin(), kPretrainingHeads.end(), begins) ||
         std::find(parts.begin(), parts.end(), "pooler") != parts.end();
}

}  // namespace paceline
