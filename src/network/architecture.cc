#include "network/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "network/architectures.h"
#include "network/config_keys.h"
#include "network/encoder_parts.h"
#include "network/modernbert_layers.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

struct ArchitectureRow {
  std::string_view model_type;
  std::string_view class_name;  ///< what the names of its classes begin with
  std::string_view stored;      ///< what the names of some of its weights begin with
  Network (*describe)(const ArchitectureInput& input);
};

constexpr ArchitectureRow kArchitectures[] = {
    {"bert", "Bert", "bert.", describe_bert},
    {"roberta", "Roberta", "roberta.", describe_roberta},
    {"camembert", "Camembert", "roberta.", describe_roberta},
    {"xlm-roberta", "XLMRoberta", "roberta.", describe_roberta},
    {"distilbert", "DistilBert", "distilbert.", describe_distilbert},
    {"electra", "Electra", "electra.", describe_electra},
    {"albert", "Albert", "albert.", describe_albert},
    {"mpnet", "MPNet", "mpnet.", describe_mpnet},
    {"deberta-v2", "DebertaV2", "deberta.", describe_deberta},
    {"modernbert", "ModernBert", "model.layers.0.attn.Wqkv.", describe_modernbert},
    {"gpt2", "GPT2", "transformer.h.0.attn.c_attn.", describe_gpt2},
    {"xlnet", "XLNet", "transformer.layer.0.rel_attn.", describe_xlnet},
    {"xlm", "XLM", "transformer.attentions.0.", describe_xlm},
    {"flaubert", "Flaubert", "transformer.attentions.0.", describe_xlm},
};

/// "Bert" of BertForSequenceClassification, BertModel.
bool is_class_of(std::string_view name, std::string_view class_name) {
  if (!name.starts_with(class_name)) return false;
  name.remove_prefix(class_name.size());
  return name == "Model" || name.starts_with("For") || name.starts_with("LMHead") || name.starts_with("WithLMHead");
}

bool holds(const std::set<std::string>& names, std::string_view beginning) {
  const auto first = names.lower_bound(std::string(beginning));
  return first != names.end() && std::string_view(*first).starts_with(beginning);
}

/// What to write where model_type is missing: by the class that is named, else by the names of the weights.
[[noreturn]] void throw_no_model_type(const Json& config, const std::set<std::string>& tensor_names,
                                      std::string_view where) {
  const std::string name = named_class(config, where);
  std::string remedy;
  for (const ArchitectureRow& row : kArchitectures) {
    if (!is_class_of(name, row.class_name)) continue;
    remedy = fmt::format("Add \"model_type\": \"{}\", to which its \"architectures\", {}, belongs.", row.model_type,
                         excerpt(name));
  }
  std::string fitting;
  for (const ArchitectureRow& row : kArchitectures) {
    if (holds(tensor_names, row.stored))
      fitting += fmt::format("{}\"{}\"", fitting.empty() ? "" : " or ", row.model_type);
  }
  if (remedy.empty() && !fitting.empty()) {
    remedy = fmt::format("Add \"model_type\": {}, to which the names of its weights belong.", fitting);
  }
  if (remedy.empty()) remedy = fmt::format("Add it; known are {}.", fmt::join(known_architectures(), ", "));
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] \"model_type\" is missing. {}", where, remedy));
}

/// `"a", "b" and 3 more`.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    out += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", excerpt(names[i]));
  }
  return names.size() > kShown ? fmt::format("{} and {} more", out, names.size() - kShown) : out;
}

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const ArchitectureRow& row : kArchitectures) {
    names.emplace_back(row.model_type);
  }
  return names;
}

std::string classifier_class(std::string_view model_type) {
  for (const ArchitectureRow& row : kArchitectures) {
    if (row.model_type == model_type) return fmt::format("{}ForSequenceClassification", row.class_name);
  }
  throw Error(ErrorCode::kInternal, fmt::format("[network] \"{}\" is no architecture.", excerpt(model_type)));
}

Network describe_network(const Json& config, const std::set<std::string>& tensor_names, std::string_view where) {
  const std::string model_type = json_string(config, "model_type", where, "");
  if (model_type.empty()) throw_no_model_type(config, tensor_names, where);
  const auto row = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                [&](const ArchitectureRow& known) { return known.model_type == model_type; });
  if (row == std::end(kArchitectures)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] \"model_type\" is \"{}\", an architecture that Paceline does not know. {}", where,
                            excerpt(model_type), suggestion(model_type, known_architectures())));
  }
  const Json plain = without_aliases(config, model_type);
  Network network = row->describe({plain, tensor_names, where});
  network.architecture = model_type;
  return network;
}

std::vector<std::string> config_notices(const Json& config, const Network& network, std::string_view where) {
  std::vector<std::string> notices;
  if (const std::vector<std::string> unknown = unknown_keys(config, network.architecture); !unknown.empty()) {
    notices.push_back(fmt::format("config.json has keys that no configuration of {} has, and that change nothing: {}",
                                  network.architecture, listed(unknown)));
  }
  if (network.architecture == "modernbert") {
    if (const std::vector<std::string> keys = modernbert_keys_not_read(config); !keys.empty()) {
      notices.push_back(
          fmt::format("config.json is read as by transformers 4, which passes over its {}: what it says of "
                      "layers and positions without counts",
                      listed(keys)));
    }
  }
  const std::string name = named_class(config, where);
  if (!network.head.empty() && !name.empty() && !name.ends_with("ForSequenceClassification")) {
    notices.push_back(fmt::format(
        "config.json names the class {}, but the weights hold a classification head, which is used", excerpt(name)));
  }
  if (const auto field = config.find("auto_map"); field != config.end() && !field->is_null()) {
    notices.push_back(
        fmt::format("config.json names code of its own (\"auto_map\"), which is not run: the model is read as {}",
                    network.architecture));
  }
  return notices;
}

}  // namespace paceline
