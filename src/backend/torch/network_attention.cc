// Only the operators that are used are included.
#define TORCH_ASSERT_ONLY_METHOD_OPERATORS
#include "backend/torch/network_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "backend/torch/dropped_attention.h"

namespace paceline {
namespace {

/// Halves of the last axis, the second negated, change places.
at::Tensor rotate_half(const at::Tensor& x, int64_t half) {
  return at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
}

bool sees_all(const SelfAttention& attention) { return attention.visible_before < 0 && attention.visible_after < 0; }

/// Whether each of so many tokens, at most, sees all others.
bool sees_all_of(const SelfAttention& attention, int64_t tokens) {
  const auto reaches = [tokens](int32_t visible) { return visible < 0 || visible >= tokens - 1; };
  return reaches(attention.visible_before) && reaches(attention.visible_after);
}

/// About the lowest number, which bf16 holds too: padding and what is not seen weigh nothing beside any real key, and a
/// row without one stays finite.
double lowest_of(at::ScalarType type) {
  return type == at::kHalf ? -65504.0 : static_cast<double>(std::numeric_limits<float>::lowest()) * 0.99;
}

}  // namespace

NetworkAttention::NetworkAttention(const Network& network, const NetworkWeights& weights, at::Device device)
    : network_(network),
      weights_(weights),
      positions_(network, weights, device),
      places_matter_(network.relative.kind != RelativeKind::kNone) {
  for (const Block& block : network_.blocks) {
    const SelfAttention& attention = block.attention;
    places_matter_ = places_matter_ || !sees_all(attention) || attention.rotary.exists();
    types_matter_ = types_matter_ || attention.segments.exists();
    const std::vector<double>& values = attention.rotary.frequencies;
    if (values.empty()) continue;
    at::Tensor stored = at::empty({static_cast<int64_t>(values.size())}, at::kDouble);
    std::copy(values.begin(), values.end(), stored.mutable_data_ptr<double>());
    frequencies_[attention.rotary] = stored.to(device, at::kFloat);
  }
}

ForwardState NetworkAttention::start(const ForwardInputs& inputs) const {
  ForwardState pass{.layout = inputs.layout, .dropout = inputs.dropout};
  if (pass.layout == nullptr) {
    pass.all.push_back(start_padded(inputs));
  } else {
    const int64_t longest = pass.layout->groups.front().longest();
    for (const SequenceGroup& group : pass.layout->groups) {
      pass.all.push_back(start_group(group, longest, false));
      if (network_.pools_one_row()) pass.pooled.push_back(start_group(group, longest, true));
    }
  }
  // The first group has the longest sequences, whose rows are all that others meet.
  pass.table = positions_.table(pass.all.front().places);
  if (network_.relative.kind == RelativeKind::kSinusoid)
    pass.table = dropped(pass.dropout, pass.table, network_.dropout.positions);
  for (auto* groups : {&pass.all, &pass.pooled}) {
    for (AttentionState& group : *groups) group.dropout = pass.dropout;
  }
  return pass;
}

AttentionState NetworkAttention::start_padded(const ForwardInputs& inputs) const {
  AttentionState group;
  if (inputs.attention_mask.defined()) group.keep = inputs.attention_mask.ne(0).unsqueeze(1).unsqueeze(1);
  if (types_matter_ && inputs.token_type_ids.defined()) {
    group.differ = inputs.token_type_ids.unsqueeze(1).ne(inputs.token_type_ids.unsqueeze(2)).unsqueeze(1);
  }
  if (places_matter_) {
    group.places = at::ones_like(inputs.input_ids.select(0, 0)).to(at::kLong).cumsum(0) - 1;
    place(group);
  }
  return group;
}

AttentionState NetworkAttention::start_group(const SequenceGroup& sequences, int64_t longest, bool one_query) const {
  AttentionState group{.keep = sequences.keep, .longest = sequences.longest()};
  if (one_query) group.query_places = sequences.pooled_places;
  if (types_matter_ && sequences.token_type_ids.defined()) {
    const at::Tensor& keys = sequences.token_type_ids;
    const at::Tensor queries = one_query ? keys.gather(1, group.query_places.unsqueeze(1)) : keys;
    group.differ = keys.unsqueeze(1).ne(queries.unsqueeze(2)).unsqueeze(1);
  }
  if (!places_matter_) return group;
  group.places = at::arange(group.longest, at::kLong);
  place(group);
  positions_.narrow_to(group, longest);
  return group;
}

/// Fills in what follows from the places of keys and queries.
void NetworkAttention::place(AttentionState& group) const {
  const at::Tensor queries = group.query_places.defined() ? group.query_places.unsqueeze(-1).unsqueeze(-1)
                                                          : group.places.unsqueeze(1).unsqueeze(0);
  group.distances = (group.places.unsqueeze(0) - queries).unsqueeze(1);
  positions_.place(group);
}

/// x [B, H, S, D], turned to its places, or [B, H, 1, D] to one place of each sequence: cosines and sines of angles in
/// fp32, as in transformers. Layers that turn alike share them.
at::Tensor NetworkAttention::rotate(const at::Tensor& x, const Rotary& rotary, const at::Tensor& at_places,
                                    AttentionState& group) const {
  auto& [cosines, sines] = group.turns[rotary];
  if (!cosines.defined()) {
    const at::Tensor half = at::outer(group.places.to(at::kFloat), frequencies_.at(rotary));
    const at::Tensor angles = at::cat({half, half}, -1);
    cosines = (angles.cos() * rotary.factor).to(x.scalar_type());
    sines = (angles.sin() * rotary.factor).to(x.scalar_type());
  }
  const at::Tensor turned = rotate_half(x, static_cast<int64_t>(rotary.frequencies.size()));
  if (!at_places.defined()) return x * cosines + turned * sines;
  const auto of_each = [&](const at::Tensor& table) {
    return table.index_select(0, at_places).unsqueeze(1).unsqueeze(1);  // [B, 1, 1, D]
  };
  return x * of_each(cosines) + turned * of_each(sines);
}

/// What is added to the scores, or which keys are kept; undefined: nothing is hidden.
at::Tensor NetworkAttention::mask_of(const SelfAttention& attention, AttentionState& group) const {
  const bool all = sees_all(attention) || (group.longest > 0 && sees_all_of(attention, group.longest));
  // Padded texts are computed as transformers does.
  if (all && (!group.keep.defined() || (group.longest == 0 && !drops(group)))) return group.keep;
  at::Tensor& mask =
      group.masks[all ? std::pair(-1, -1) : std::pair(attention.visible_before, attention.visible_after)];
  if (mask.defined()) return mask;
  at::Tensor seen = all ? group.keep : group.distances.eq(group.distances);
  if (!all) {
    if (attention.visible_before >= 0) seen = seen.logical_and(group.distances.ge(-attention.visible_before));
    if (attention.visible_after >= 0) seen = seen.logical_and(group.distances.le(attention.visible_after));
    if (group.keep.defined()) seen = seen.logical_and(group.keep);
  }
  const at::Tensor zero =
      seen.logical_and(seen.logical_not()).to(weights_.find(network_.embeddings.words).scalar_type());
  mask = zero.masked_fill(seen.logical_not(), lowest_of(zero.scalar_type()));
  return mask;
}

at::Tensor NetworkAttention::attend(const at::Tensor& x, const SelfAttention& attention, ForwardState& pass,
                                    bool pooled) const {
  const ProjectedPositions positions = positions_.project(attention, pass);
  const at::Tensor asking = pooled ? x.index_select(0, pass.layout->pooled) : x;
  const at::Tensor query = weights_.dense(asking, attention.query);
  const at::Tensor key = weights_.dense(x, attention.key);
  const at::Tensor value = weights_.dense(x, attention.value);
  if (pass.layout == nullptr) {
    const at::Tensor made = context(split_heads(query, attention), split_heads(key, attention),
                                    split_heads(value, attention), attention, positions, pass.all.front());
    return weights_.dense(made.transpose(1, 2).flatten(2), attention.output);
  }
  const std::vector<int64_t> rows = pass.layout->group_rows();
  const auto queries = query.split_with_sizes(pooled ? pass.layout->group_sequences() : rows);
  const auto keys = key.split_with_sizes(rows);
  const auto values = value.split_with_sizes(rows);
  std::vector<at::Tensor> contexts;
  for (std::size_t i = 0; i < pass.layout->groups.size(); ++i) {
    const SequenceGroup& group = pass.layout->groups[i];
    // Products of matrices would copy what is not contiguous; scaled_dot_product_attention would not.
    const auto heads = [&](const at::Tensor& rows_of_group) {
      if (group.padded() || drops(pass.all[i])) return pad_heads(rows_of_group, group, attention.heads);
      return split_heads(pad_rows(rows_of_group, group), attention);
    };
    const at::Tensor made =
        context(pooled ? split_heads(queries[i].unsqueeze(1), attention) : heads(queries[i]), heads(keys[i]),
                heads(values[i]), attention, met_by(positions, pass.all[i]), pooled ? pass.pooled[i] : pass.all[i]);
    contexts.push_back(pooled ? made.transpose(1, 2).flatten(1) : take_heads(made, group));
  }
  return weights_.dense(contexts.size() == 1 ? contexts.front() : at::cat(contexts), attention.output);
}

/// [B, H, Q, D], [B, H, S, D] twice -> [B, H, Q, D]
at::Tensor NetworkAttention::context(at::Tensor query, at::Tensor key, const at::Tensor& value,
                                     const SelfAttention& attention, const ProjectedPositions& positions,
                                     AttentionState& group) const {
  if (attention.rotary.exists()) {
    query = rotate(query, attention.rotary, group.query_places, group);
    key = rotate(key, attention.rotary, at::Tensor(), group);
  }
  at::Tensor added = group.bias;
  if (attention.position_key.exists() || attention.position_query.exists() || attention.segments.exists()) {
    added = positions_.scores(query, key, attention, positions, group);
    if (attention.content_bias.exists()) query = query + weights_.find(attention.content_bias).unsqueeze(1);
  }
  at::Tensor mask = mask_of(attention, group);
  if (added.defined()) {
    const bool whole = !mask.defined();
    mask = whole                             ? added
           : mask.scalar_type() == at::kBool ? added.masked_fill(mask.logical_not(), lowest_of(added.scalar_type()))
                                             : added + mask;
    mask = mask.to(query.scalar_type());
  }
  if (drops(group)) {
    return dropped_attention(
        query, key, value, mask,
        {.scale = attention.scale, .share = network_.dropout.attention, .key = group.dropout->next_key()});
  }
  return at::scaled_dot_product_attention(query, key, value, mask.defined() ? std::optional(mask) : std::nullopt,
                                          /*dropout_p=*/0.0, /*is_causal=*/false, attention.scale);
}

}  // namespace paceline
