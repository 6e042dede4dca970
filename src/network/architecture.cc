#include "network/architecture.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.h"
#include "network/architectures.h"
#include "paceline/error.h"

namespace paceline {
namespace {

struct ArchitectureRow {
  std::string_view model_type;
  Network (*describe)(const ArchitectureInput& input);
};

constexpr ArchitectureRow kArchitectures[] = {
    {"bert", describe_bert},
    {"roberta", describe_roberta},
    {"camembert", describe_roberta},
    {"xlm-roberta", describe_roberta},
    {"distilbert", describe_distilbert},
    {"electra", describe_electra},
    {"albert", describe_albert},
    {"mpnet", describe_mpnet},
    {"deberta-v2", describe_deberta},
    {"modernbert", describe_modernbert},
    {"gpt2", describe_gpt2},
    {"xlnet", describe_xlnet},
    {"xlm", describe_xlm},
    {"flaubert", describe_xlm},
};

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const ArchitectureRow& row : kArchitectures) {
    names.emplace_back(row.model_type);
  }
  return names;
}

Network describe_network(const Json& config, const std::set<std::string>& tensor_names, std::string_view where) {
  const std::string model_type = json_string(config, "model_type", where);
  const auto row = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                [&](const ArchitectureRow& known) { return known.model_type == model_type; });
  if (row == std::end(kArchitectures)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] \"model_type\" is \"{}\", an architecture that Paceline does not know. {}", where,
                            excerpt(model_type), suggestion(model_type, known_architectures())));
  }
  Network network = row->describe({config, tensor_names, where});
  network.architecture = model_type;
  return network;
}

}  // namespace paceline
