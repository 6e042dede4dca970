#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "network/network.h"

namespace paceline {

/// Turns config.json and the names of the stored tensors into a Network. One function per architecture file.
/// Refuses by name what it cannot honour: an unknown or missing model_type, hidden_act or position_embedding_type,
/// absurd or contradictory sizes. Throws Error{unsupported, corrupt_data}; `where` (the config's path) opens the
/// message.
Network describe_network(const Json& config, const std::set<std::string>& tensor_names, std::string_view where);

/// What is notable about the reading of this config: keys that nothing reads, or another version alone; a head that
/// "architectures" does not name; code that is not run. Each a sentence without its full stop.
std::vector<std::string> config_notices(const Json& config, const Network& network, std::string_view where);

/// The class of transformers that classifies with this architecture, one that describe_network knows:
/// "BertForSequenceClassification".
std::string classifier_class(std::string_view model_type);

/// The model_type values that describe_network knows, for messages and doctor.
std::vector<std::string> known_architectures();

}  // namespace paceline
