#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/input_tensors.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "batch/check_batch.h"
#include "paceline/error.h"

namespace paceline {

ForwardInputs InputTensors::make(const PackedBatch& batch, std::size_t logits_size) {
  check_batch(batch, network_, logits_size);
  pad_batch(batch, network_.pad_token_id, padded_);
  rectangular_ = padded_.sequences * padded_.max_seqlen == batch.tokens();
  if (network_.token_types > 1) padded_.token_type_ids.resize(padded_.input_ids.size());  // none given: all are 0
  if (device_.is_cuda()) return pinned();
  const auto view = [&](std::vector<int64_t>& values) {
    return at::from_blob(values.data(), {padded_.sequences, padded_.max_seqlen}, at::kLong);
  };
  return {.input_ids = view(padded_.input_ids),
          .attention_mask = view(padded_.attention_mask),
          .token_type_ids = network_.token_types > 1 ? view(padded_.token_type_ids) : at::Tensor()};
}

// What was copied from is written again only after copy_logits() waited for everything that reads it.
ForwardInputs InputTensors::pinned() {
  const bool typed = network_.token_types > 1;
  const int64_t numbers = padded_.sequences * padded_.max_seqlen;
  const int64_t parts = typed ? 3 : 2;
  if (!pinned_.defined() || pinned_.numel() < parts * numbers) {
    pinned_ = at::empty({parts * numbers}, at::TensorOptions(at::kLong).pinned_memory(true));
  }
  int64_t* next = pinned_.mutable_data_ptr<int64_t>();
  for (const auto* values : {&padded_.input_ids, &padded_.attention_mask, &padded_.token_type_ids}) {
    if (values == &padded_.token_type_ids && !typed) continue;
    next = std::copy(values->begin(), values->end(), next);
  }
  const at::Tensor all = pinned_.narrow(0, 0, parts * numbers)
                             .to(device_, at::kLong, /*non_blocking=*/true)
                             .view({parts, padded_.sequences, padded_.max_seqlen});
  return {.input_ids = all.select(0, 0),
          .attention_mask = all.select(0, 1),
          .token_type_ids = typed ? all.select(0, 2) : at::Tensor()};
}

void copy_logits(const at::Tensor& logits, std::span<float> out) {
  const at::Tensor values = logits.to(at::kCPU, at::kFloat).contiguous();
  if (static_cast<std::size_t>(values.numel()) != out.size()) {
    throw Error(ErrorCode::kInternal,
                fmt::format("[torch] The model gave {} logits, {} were expected.", values.numel(), out.size()));
  }
  std::memcpy(out.data(), values.const_data_ptr<float>(), out.size_bytes());
}

void use_threads(int threads) {
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
}

}  // namespace paceline
