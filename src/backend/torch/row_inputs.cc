// Only the operators that are used are included: all of ATen would double the time to compile.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/row_inputs.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "batch/check_batch.h"
#include "batch/padded_batch.h"
#include "network/position_rows.h"

namespace paceline {
namespace {

at::Tensor tensor_of(const std::vector<int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

/// Whether a sequence is computed with a longer one. Padding to 5/4 of its length costs less than another call of every
/// operator; so do eight tokens, however short it is.
bool is_like(int64_t length, int64_t longest) { return 5 * length >= 4 * longest || longest - length <= 8; }

std::span<const int32_t> part(const std::vector<int32_t>& tokens, const PackedBatch& batch, int32_t sequence) {
  return std::span(tokens).subspan(static_cast<std::size_t>(batch.cu_seqlens[static_cast<std::size_t>(sequence)]),
                                   static_cast<std::size_t>(batch.length(sequence)));
}

/// The sequences of the batch, the longest first.
std::vector<int32_t> by_length(const PackedBatch& batch) {
  std::vector<int32_t> order(static_cast<std::size_t>(batch.sequences()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t left, int32_t right) { return batch.length(left) > batch.length(right); });
  return order;
}

/// Lays sequences one behind the other.
class LayoutMaker {
 public:
  LayoutMaker(const Network& network, const PackedBatch& batch)
      : network_(network), batch_(batch), places_(static_cast<std::size_t>(batch.sequences())) {}

  void add(int32_t sequence) {
    const std::span<const int32_t> ids = part(batch_.input_ids, batch_, sequence);
    if (group_.lengths.empty() || !is_like(std::ssize(ids), group_.longest())) close_group();
    places_[static_cast<std::size_t>(sequence)] = added_++;
    const int32_t place = pooled_place(network_, ids);
    pooled_.push_back(std::ssize(ids_) + place);
    pooled_places_.push_back(place);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    PositionRows rows(network_.embeddings);
    for (const int32_t id : ids) positions_.push_back(rows.next(id));
    const std::span<const int32_t> types =
        batch_.token_type_ids.empty() ? std::span<const int32_t>() : part(batch_.token_type_ids, batch_, sequence);
    types_.insert(types_.end(), types.begin(), types.end());
    group_.lengths.push_back(std::ssize(ids));
    group_.rows += std::ssize(ids);
  }

  ForwardInputs finish(RowLayout& layout) {
    close_group();
    layout.groups = std::move(groups_);
    if (network_.embeddings.positions.exists()) layout.position_rows = tensor_of(positions_);
    if (network_.pooling != Pooling::kMean) layout.pooled = tensor_of(pooled_);
    layout.places = tensor_of(places_);
    types_.resize(ids_.size());  // none given: all are 0
    return {.input_ids = tensor_of(ids_),
            .attention_mask = at::Tensor(),
            .token_type_ids = network_.token_types > 1 ? tensor_of(types_) : at::Tensor(),
            .layout = &layout};
  }

 private:
  void close_group() {
    if (group_.lengths.empty()) return;
    if (group_.padded()) {
      group_.keep = at::empty({group_.sequences(), 1, 1, group_.longest()}, at::kBool);
      bool* keep = group_.keep.mutable_data_ptr<bool>();
      for (const int64_t length : group_.lengths) {
        std::fill_n(keep, length, true);
        std::fill(keep + length, keep + group_.longest(), false);
        keep += group_.longest();
      }
    }
    if (network_.pooling != Pooling::kMean) group_.pooled_places = tensor_of(pooled_places_);
    if (network_.token_types > 1 && !batch_.token_type_ids.empty()) {
      const std::vector<int64_t> types(types_.end() - group_.rows, types_.end());
      group_.token_type_ids = pad_rows(tensor_of(types).unsqueeze(-1), group_).squeeze(-1);
    }
    groups_.push_back(std::move(group_));
    group_ = {};
    pooled_places_.clear();
  }

  const Network& network_;
  const PackedBatch& batch_;
  std::vector<int64_t> ids_, types_, positions_, pooled_, pooled_places_, places_;
  std::vector<SequenceGroup> groups_;
  SequenceGroup group_;
  int64_t added_ = 0;
};

}  // namespace

ForwardInputs RowInputs::make(const PackedBatch& batch, std::size_t logits_size) {
  check_batch(batch, network_, logits_size);
  LayoutMaker maker(network_, batch);
  for (const int32_t sequence : by_length(batch)) maker.add(sequence);
  return maker.finish(layout_);
}

}  // namespace paceline
