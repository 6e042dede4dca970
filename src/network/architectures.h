#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "network/network.h"

namespace paceline {

/// What an architecture is described from.
struct ArchitectureInput {
  const Json& config;                         ///< an object
  const std::set<std::string>& tensor_names;  ///< empty where the weights have not been looked at
  std::string_view where;                     ///< opens error messages
};

// One function per architecture, each in the file of its name; architecture.cc has the table of who describes what.
// The caller fills in Network::architecture.
Network describe_albert(const ArchitectureInput& input);
Network describe_bert(const ArchitectureInput& input);
Network describe_deberta(const ArchitectureInput& input);
Network describe_distilbert(const ArchitectureInput& input);
Network describe_electra(const ArchitectureInput& input);
Network describe_gpt2(const ArchitectureInput& input);
Network describe_modernbert(const ArchitectureInput& input);
Network describe_mpnet(const ArchitectureInput& input);
Network describe_roberta(const ArchitectureInput& input);
Network describe_xlm(const ArchitectureInput& input);
Network describe_xlnet(const ArchitectureInput& input);

}  // namespace paceline
