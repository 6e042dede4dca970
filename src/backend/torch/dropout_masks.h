#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace paceline {

/// What dropout sets to zero in one forward pass. The seed, the update, the pass, the number of the call and the place
/// of a number decide about it. So the backward pass draws the same again, and no mask is stored.
class DropoutMasks {
 public:
  /// `pass`: of those that the update is made of.
  DropoutMasks(uint64_t seed, int64_t update, int64_t pass);

  /// x with a share of its numbers set to zero and the others divided by what is left, 1 - share.
  at::Tensor drop(const at::Tensor& x, double share);
  /// The same by a key of next_key(), without a gradient.
  static at::Tensor drop(const at::Tensor& x, double share, uint64_t key);
  /// Of the next call.
  uint64_t next_key();
  /// Whether something is left out that is left out of this share of the passes.
  bool leaves_out(double share);

 private:
  uint64_t pass_key_;
  uint64_t calls_ = 0;
};

/// x itself where nothing is dropped.
inline at::Tensor dropped(DropoutMasks* masks, const at::Tensor& x, double share) {
  return masks != nullptr && share > 0 ? masks->drop(x, share) : x;
}

}  // namespace paceline
