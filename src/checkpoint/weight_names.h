#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/adapter_tensors.h"

namespace paceline {

/// The name without what torch.compile, DistributedDataParallel and FSDP put into names, wherever it stands. No
/// architecture has parts of these names.
std::string strip_wrappers(std::string_view name);

/// Whether two tensors have the same dtype, shape and bytes.
bool same_content(const TensorView& a, const TensorView& b);

/// Gives the tensors the names that the architectures have: without wrappers, without `model.` in front, which
/// Lightning puts there (`keeps_model`: one of them belongs to the architecture, in front of its encoder's tensors),
/// and with weight and bias for gamma and beta, as checkpoints converted from TensorFlow call a LayerNorm's scale and
/// shift. Throws Error{corrupt_data} where two different tensors get one name.
void rename_tensors(TensorMap& tensors, bool keeps_model, std::string_view where);

/// Whether a tensor that nothing uses is one that checkpoints commonly have beside a classifier or an encoder and that
/// could not change its answers: buffers that every program computes itself, the heads of pre-training, a pooler that
/// the model does without. transformers passes over them too.
bool is_common_extra(std::string_view name);

}  // namespace paceline
