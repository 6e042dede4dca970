#pragma once

#include <string>

#include "network/network.h"

namespace paceline {

/// The network as TorchScript: the source of a `forward` for a module whose parameters bear the checkpoint's names, a
/// submodule for each part between the dots. It records nothing: any batch and any length the model takes will do.
///
///   forward(input_ids, attention_mask: Optional = None[, token_type_ids: Optional = None]) -> logits
///
/// Inputs are [B, S] of any integer type, token_type_ids only where the network reads them; no mask means that every
/// token counts, no token types that all are 0. Logits are [B, outputs], fp32 whatever the weights are.
/// Throws Error{unsupported} for what only a trace has: relative and rotary positions, windows, a convolution.
std::string torchscript_source(const Network& network);

}  // namespace paceline
