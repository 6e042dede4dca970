// Only what is used is included: all of PyTorch's headers take three times as long.
#include "backend/torch/dropout_masks.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "paceline/error.h"
#include "statistics/random.h"

namespace paceline {
namespace {

// One number of 64 bits decides about four, by 16 bits each: shares are multiples of 1 / 65536.
constexpr int64_t kDecided = 4;
constexpr int64_t kShares = int64_t{1} << 16;
// Fours from which on a second thread pays.
constexpr int64_t kFoursPerThread = 4096;

struct Share {
  uint64_t dropped;  ///< of kShares
  float growth;      ///< of what is left
};

Share share_of(int64_t dropped) {
  const auto left = static_cast<float>(kShares - dropped);
  return {static_cast<uint64_t>(dropped), left > 0 ? static_cast<float>(kShares) / left : 0};
}

template <class T>
void drop_four(const T* x, T* y, int64_t count, uint64_t random, Share share) {
  for (int64_t i = 0; i < count; ++i) {
    const bool keeps = (random >> (16 * i) & (kShares - 1)) >= share.dropped;
    y[i] = keeps ? static_cast<T>(x[i] * share.growth) : T(0);
  }
}

template <class T>
void drop_numbers(const at::Tensor& x, at::Tensor& y, uint64_t key, Share share) {
  const T* from = x.const_data_ptr<T>();
  T* to = y.mutable_data_ptr<T>();
  const int64_t numbers = x.numel();
  const int64_t whole = numbers / kDecided;
  at::parallel_for(0, whole, kFoursPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      drop_four(from + i * kDecided, to + i * kDecided, kDecided, random_at(key, static_cast<uint64_t>(i)), share);
    }
  });
  drop_four(from + whole * kDecided, to + whole * kDecided, numbers - whole * kDecided,
            random_at(key, static_cast<uint64_t>(whole)), share);
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
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return drop_share(x, key, share_of(dropped_of(share)));
  return Drop::apply(x, static_cast<int64_t>(key), dropped_of(share));
}

bool DropoutMasks::leaves_out(double share) {
  return static_cast<int64_t>(next_key() & (kShares - 1)) < dropped_of(share);
}

}  // namespace paceline
