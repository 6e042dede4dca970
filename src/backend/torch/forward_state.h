#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "backend/torch/dropout_masks.h"
#include "backend/torch/row_layout.h"
#include "network/network.h"

namespace paceline {

/// What a forward pass reads, of an integer type on the weights' device: [B, S] with padding on the right, or, with a
/// layout, the real tokens [T] alone.
struct ForwardInputs {
  at::Tensor input_ids{};
  at::Tensor attention_mask{};  ///< [B, S], not 0: a real token; undefined: all are
  at::Tensor token_type_ids{};  ///< undefined: all are 0; read only where the network has more than one type
  const RowLayout* layout = nullptr;
  DropoutMasks* dropout = nullptr;            ///< of training; none: nothing is dropped
  std::vector<at::Tensor>* hidden = nullptr;  ///< given: takes what each layer makes, of every token
};

/// What the layers of one forward pass share about sequences that attention computes together: the whole batch, or a
/// group of a layout. Q queries a sequence: all S tokens, or only the one that reaches the head.
struct AttentionState {
  at::Tensor keep{};          ///< [B, 1, 1, S], true where a key is real; undefined: all are
  int64_t longest = 0;        ///< S; 0: not known, as a trace must not read it
  at::Tensor places{};        ///< [S]; this and what follows undefined where nothing depends on places
  at::Tensor query_places{};  ///< [B], with one query a sequence
  at::Tensor distances{};     ///< [1, 1, S, S] or [B, 1, 1, S]: the key's place less the query's
  at::Tensor bias{};          ///< [1, H, S, S] or [B, H, 1, S] of kBias
  at::Tensor rows{};          ///< as distances: the row of the positions' table for each pair
  int64_t first_row = 0;      ///< with a layout: the first row of the table that these sequences meet
  int64_t rows_met = 0;
  at::Tensor differ{};  ///< [B, 1, Q, S], true where the token types do; undefined: nowhere
  DropoutMasks* dropout = nullptr;
  std::map<std::pair<int32_t, int32_t>, at::Tensor> masks{};    ///< by what is visible before and after
  std::map<Rotary, std::pair<at::Tensor, at::Tensor>> turns{};  ///< cosines and sines of all places, [S, D]
};

/// What the layers of one forward pass of NetworkForward share.
struct ForwardState {
  const RowLayout* layout = nullptr;  ///< none: padded
  DropoutMasks* dropout = nullptr;
  std::vector<AttentionState> all{};     ///< of each group of the layout; padded: one
  std::vector<AttentionState> pooled{};  ///< the same with one query a sequence, where the last layer computes one
  at::Tensor table{};                    ///< [R, C] of kLearned and kSinusoid: what is projected
};

}  // namespace paceline
