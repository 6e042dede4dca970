#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace paceline {

/// Neighbours of like length in a RowLayout: attention computes them together, padded to the longest of them.
struct SequenceGroup {
  std::vector<int64_t> lengths{};  ///< the longest first
  int64_t rows = 0;                ///< their sum
  at::Tensor keep{};               ///< [G, 1, 1, S], true where a key is real; undefined: all are
  at::Tensor pooled_places{};      ///< [G]; undefined where the head reads more than one row
  at::Tensor token_type_ids{};     ///< [G, S]; undefined: none are told apart

  int64_t sequences() const { return static_cast<int64_t>(lengths.size()); }
  int64_t longest() const { return lengths.front(); }
  bool padded() const { return rows != sequences() * longest(); }
};

/// Where the tokens of a batch are when it is computed without padding: [T, C], sequence behind sequence, the longest
/// first.
struct RowLayout {
  std::vector<SequenceGroup> groups{};
  at::Tensor position_rows{};  ///< [T]; undefined where the network has no table of positions
  at::Tensor pooled{};         ///< [B], the row of each sequence that reaches the head; undefined for a mean
  at::Tensor places{};         ///< [B], where each sequence of the batch is among those of the layout

  /// Sizes by which split_with_sizes takes groups apart: in rows, or in sequences.
  std::vector<int64_t> group_rows() const;
  std::vector<int64_t> group_sequences() const;
};

/// [rows of the group, C] -> [G, S, C], zeros in the padding. Contiguous; a view where nothing is padded.
at::Tensor pad_rows(const at::Tensor& rows, const SequenceGroup& group);

/// [G, S, C] -> [rows of the group, C]: the other way round, and each is the other's derivative.
at::Tensor take_rows(const at::Tensor& padded, const SequenceGroup& group);

/// The same with the heads of a row apart, in one copy: [rows of the group, H D] -> [G, H, S, D].
at::Tensor pad_heads(const at::Tensor& rows, const SequenceGroup& group, int64_t heads);

/// [G, H, S, D] -> [rows of the group, H D]
at::Tensor take_heads(const at::Tensor& padded, const SequenceGroup& group);

}  // namespace paceline
