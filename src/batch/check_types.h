#pragma once

#include <string_view>

#include "network/network.h"
#include "paceline/packed_batch.h"

namespace paceline {

/// Refuses a user's export whose inputs are not what the model is handed, where every answer would be another one: a
/// model that does nothing without token types has to be exported without them where none are handed out, and with
/// them where they are. `file` opens the message. Throws Error{unsupported}.
void check_types_input(const Network& network, bool has_input, std::string_view file);

/// Refuses types other than 0 for a user's export that has no input for them. Throws Error{unsupported}.
void refuse_lost_types(const PackedBatch& batch, std::string_view file);

}  // namespace paceline
