// Only what is used is included: all of PyTorch's headers take three times as long.
#include "backend/torch/dropout_masks.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "paceline/error.h"
#include "statistics/random.h"

namespace paceline {
namespace {

// One random number of 64 bits decides about four, by 16 bits each: shares are multiples of 1 / 65536.
constexpr int64_t kShares = int64_t{1} << 16;
// Numbers that are decided together: the random numbers first, then all of the rest in vectors.
constexpr int64_t kBlock = 64;
constexpr int64_t kRandomsOfBlock = kBlock / 4;
// Blocks from which on a second thread pays.
constexpr int64_t kBlocksPerThread = 256;

struct Share {
  int32_t dropped;  ///< of kShares
  float growth;     ///< of what is left
};

Share share_of(int64_t dropped) {
  const auto left = static_cast<float>(kShares - dropped);
  return {static_cast<int32_t>(dropped), left > 0 ? static_cast<float>(kShares) / left : 0};
}

template <class T>
void drop_block(const T* __restrict x, T* __restrict y, int64_t count, uint64_t key, int64_t block, Share share) {
  std::array<uint64_t, kRandomsOfBlock> random;
  for (int64_t i = 0; i < kRandomsOfBlock; ++i) {
    random[static_cast<std::size_t>(i)] = random_at(key, static_cast<uint64_t>(block * kRandomsOfBlock + i));
  }
  std::array<uint16_t, kBlock> decided;
  std::memcpy(decided.data(), random.data(), sizeof decided);
  // Integers instead of a condition: a branch would be guessed wrong for each number that is dropped.
  std::array<float, kBlock> factors;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const int32_t stays = 1 + ((int32_t{decided[i]} - share.dropped) >> 31);
    factors[i] = share.growth * static_cast<float>(stays);
  }
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(x[i] * factors[static_cast<std::size_t>(i)]);
}

template <class T>
void drop_numbers(const at::Tensor& x, at::Tensor& y, uint64_t key, Share share) {
  const T* from = x.const_data_ptr<T>();
  T* to = y.mutable_data_ptr<T>();
  const int64_t numbers = x.numel();
  at::parallel_for(0, (numbers + kBlock - 1) / kBlock, kBlocksPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kBlock;
      drop_block(from + first, to + first, std::min(kBlock, numbers - first), key, block, share);
    }
  });
}

at::Tensor drop_share(const at::Tensor& given, uint64_t key, Share share) {
  const at::Tensor x = given.contiguous();
  at::Tensor y = at::empty_like(x);
  switch (x.scalar_type()) {
    case at::kFloat:
      drop_numbers<float>(x, y, key, share);
      return y;
    case at::kDouble:
      drop_numbers<double>(x, y, key, share);
      return y;
    case at::kBFloat16:
      drop_numbers<at::BFloat16>(x, y, key, share);
      return y;
    default:
      throw Error(ErrorCode::kInternal, "[torch] Dropout has no form for a dtype.");
  }
}

/// Its own derivative.
struct Drop : torch::autograd::Function<Drop> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t key,
                            int64_t dropped) {
    context->saved_data["key"] = key;
    context->saved_data["dropped"] = dropped;
    return drop_share(x, static_cast<uint64_t>(key), share_of(dropped));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor()};
    const auto key = static_cast<uint64_t>(context->saved_data["key"].toInt());
    return {drop_share(gradients[0], key, share_of(context->saved_data["dropped"].toInt())), at::Tensor(),
            at::Tensor()};
  }
};

int64_t dropped_of(double share) { return std::llround(std::clamp(share, 0.0, 1.0) * static_cast<double>(kShares)); }

}  // namespace

DropoutMasks::DropoutMasks(uint64_t seed, int64_t update, int64_t pass)
    : pass_key_(random_at(random_at(seed, static_cast<uint64_t>(update)), static_cast<uint64_t>(pass))) {}

uint64_t DropoutMasks::next_key() { return random_at(pass_key_, calls_++); }

at::Tensor DropoutMasks::drop(const at::Tensor& x, double share) {
  const uint64_t key = next_key();
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return drop(x, share, key);
  return Drop::apply(x, static_cast<int64_t>(key), dropped_of(share));
}

at::Tensor DropoutMasks::drop(const at::Tensor& x, double share, uint64_t key) {
  return drop_share(x, key, share_of(dropped_of(share)));
}

bool DropoutMasks::leaves_out(double share) {
  return static_cast<int64_t>(next_key() & (kShares - 1)) < dropped_of(share);
}

}  // namespace paceline
