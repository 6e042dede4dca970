// Only what is used is included: all of PyTorch's headers take three times as long.
#include "backend/torch/dropped_attention.h"

#include <ATen/ExpandUtils.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "backend/torch/dropout_masks.h"

namespace paceline {
namespace {

/// [B, H, R, C] -> [B H, R, C]
at::Tensor flat(const at::Tensor& x) { return x.reshape({x.size(0) * x.size(1), x.size(2), x.size(3)}); }

/// scale left right, which costs as much as left right.
at::Tensor scaled_product(const at::Tensor& left, const at::Tensor& right, double scale) {
  const at::Tensor unread = at::empty({1, 1, 1}, left.options());
  return at::baddbmm(unread, left, right, /*beta=*/0, /*alpha=*/scale);
}

struct DroppedAttention : torch::autograd::Function<DroppedAttention> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& query, const at::Tensor& key,
                            const at::Tensor& value, const std::optional<at::Tensor>& mask,
                            const DroppedSoftmax& softmax) {
    const at::Tensor q = flat(query);
    const at::Tensor k = flat(key);
    const at::Tensor v = flat(value);
    at::Tensor probabilities = scaled_product(q, k.transpose(1, 2), softmax.scale);
    if (mask.has_value()) probabilities.view({query.size(0), query.size(1), q.size(1), k.size(1)}).add_(*mask);
    probabilities = at::_softmax(probabilities, -1, /*half_to_float=*/false);
    context->save_for_backward({q, k, v, probabilities});
    context->saved_data["scale"] = softmax.scale;
    context->saved_data["share"] = softmax.share;
    context->saved_data["key"] = static_cast<int64_t>(softmax.key);
    context->saved_data["sequences"] = query.size(0);
    if (mask.has_value() && mask->requires_grad()) context->saved_data["mask"] = mask->sizes().vec();
    const at::Tensor left = DropoutMasks::drop(probabilities, softmax.share, softmax.key);
    return at::bmm(left, v).view(query.sizes());
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const torch::autograd::tensor_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &probabilities = saved[3];
    const double scale = context->saved_data["scale"].toDouble();
    const double share = context->saved_data["share"].toDouble();
    const auto dropout_key = static_cast<uint64_t>(context->saved_data["key"].toInt());
    const int64_t sequences = context->saved_data["sequences"].toInt();
    const auto by_head = [&](const at::Tensor& x) { return x.view({sequences, -1, x.size(1), x.size(2)}); };
    const at::Tensor gradient = flat(gradients[0]);
    const at::Tensor of_value =
        at::bmm(DropoutMasks::drop(probabilities, share, dropout_key).transpose(1, 2), gradient);
    at::Tensor of_scores = DropoutMasks::drop(at::bmm(gradient, v.transpose(1, 2)), share, dropout_key);
    of_scores = at::_softmax_backward_data(of_scores, probabilities, -1, probabilities.scalar_type());
    at::Tensor of_mask;
    const auto mask = context->saved_data.find("mask");
    if (mask != context->saved_data.end()) of_mask = at::sum_to(by_head(of_scores), mask->second.toIntVector());
    return {by_head(scaled_product(of_scores, k, scale)), by_head(scaled_product(of_scores.transpose(1, 2), q, scale)),
            by_head(of_value), of_mask, at::Tensor()};
  }
};

}  // namespace

at::Tensor dropped_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                             const at::Tensor& mask, const DroppedSoftmax& softmax) {
  const at::ScalarType type = value.scalar_type();
  return DroppedAttention::apply(query.to(type), key.to(type), value,
                                 mask.defined() ? std::optional(mask) : std::nullopt, softmax);
}

}  // namespace paceline
