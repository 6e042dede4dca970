// Only what is used is included: all of PyTorch's headers take three times as long.
#include "backend/torch/row_layout.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <cstring>
#include <numeric>

namespace paceline {
namespace {

// Bytes from which on a second thread pays.
constexpr int64_t kBytesPerThread = 1 << 15;

enum class Way { kPad, kTake };

/// A group's sequences as rows, and as the rectangle [G, H, S, D] with the rest zeroed.
struct Rectangle {
  std::vector<int64_t> lengths;
  int64_t rows;
  int64_t heads;

  int64_t sequences() const { return static_cast<int64_t>(lengths.size()); }
  int64_t longest() const { return lengths.front(); }
};

/// Copies each head of each sequence between rows [R, H D] and the rectangle, both with any strides but the last.
void copy_heads(Way way, const at::Tensor& rows, const at::Tensor& padded, const Rectangle& shape) {
  std::vector<int64_t> starts(shape.lengths.size() + 1, 0);
  std::partial_sum(shape.lengths.begin(), shape.lengths.end(), starts.begin() + 1);
  const auto bytes = static_cast<int64_t>(rows.element_size());
  const int64_t part = padded.size(-1) * bytes;
  auto* const row_bytes = static_cast<std::byte*>(const_cast<void*>(rows.const_data_ptr()));
  auto* const padded_bytes = static_cast<std::byte*>(const_cast<void*>(padded.const_data_ptr()));
  const int64_t grain = 1 + kBytesPerThread / (1 + shape.longest() * part);
  at::parallel_for(0, shape.sequences() * shape.heads, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sequence = i / shape.heads;
      const int64_t head = i % shape.heads;
      const int64_t length = shape.lengths[static_cast<std::size_t>(sequence)];
      std::byte* of_row = row_bytes + starts[static_cast<std::size_t>(sequence)] * rows.stride(0) * bytes + head * part;
      std::byte* of_head = padded_bytes + (sequence * padded.stride(0) + head * padded.stride(1)) * bytes;
      for (int64_t token = 0; token < length; ++token) {
        if (way == Way::kTake) {
          std::memcpy(of_row, of_head, static_cast<std::size_t>(part));
        } else {
          std::memcpy(of_head, of_row, static_cast<std::size_t>(part));
        }
        of_row += rows.stride(0) * bytes;
        of_head += padded.stride(2) * bytes;
      }
      if (way == Way::kPad) std::memset(of_head, 0, static_cast<std::size_t>((shape.longest() - length) * part));
    }
  });
}

at::Tensor copied(Way way, const at::Tensor& given, const Rectangle& shape) {
  const at::Tensor from = given.stride(-1) == 1 ? given : given.contiguous();
  if (way == Way::kTake) {
    const at::Tensor rows = at::empty({shape.rows, shape.heads * from.size(-1)}, from.options());
    copy_heads(way, rows, from, shape);
    return rows;
  }
  const at::Tensor padded =
      at::empty({shape.sequences(), shape.heads, shape.longest(), from.size(-1) / shape.heads}, from.options());
  copy_heads(way, from, padded, shape);
  return padded;
}

/// One way forward, the other way back.
template <Way kForward, Way kBackward>
struct HeadsCopy : torch::autograd::Function<HeadsCopy<kForward, kBackward>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given,
                            const std::vector<int64_t>& lengths, int64_t rows, int64_t heads) {
    context->saved_data["lengths"] = lengths;
    context->saved_data["rows"] = rows;
    context->saved_data["heads"] = heads;
    return copied(kForward, given, {lengths, rows, heads});
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    at::Tensor gradient;
    if (gradients[0].defined()) {
      auto& saved = context->saved_data;
      gradient = copied(kBackward, gradients[0],
                        {saved["lengths"].toIntVector(), saved["rows"].toInt(), saved["heads"].toInt()});
    }
    return {gradient, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

template <Way kForward, Way kBackward>
at::Tensor copy_either_way(const at::Tensor& given, const SequenceGroup& group, int64_t heads) {
  if (!at::GradMode::is_enabled() || !given.requires_grad()) {
    return copied(kForward, given, {group.lengths, group.rows, heads});
  }
  return HeadsCopy<kForward, kBackward>::apply(given, group.lengths, group.rows, heads);
}

}  // namespace

std::vector<int64_t> RowLayout::group_rows() const {
  std::vector<int64_t> sizes;
  for (const SequenceGroup& group : groups) sizes.push_back(group.rows);
  return sizes;
}

std::vector<int64_t> RowLayout::group_sequences() const {
  std::vector<int64_t> sizes;
  for (const SequenceGroup& group : groups) sizes.push_back(group.sequences());
  return sizes;
}

at::Tensor pad_rows(const at::Tensor& rows, const SequenceGroup& group) {
  if (!group.padded()) return rows.unflatten(0, {group.sequences(), group.longest()});
  return pad_heads(rows, group, 1).squeeze(1);
}

at::Tensor take_rows(const at::Tensor& padded, const SequenceGroup& group) {
  if (!group.padded()) return padded.flatten(0, 1);
  return take_heads(padded.unsqueeze(1), group);
}

at::Tensor pad_heads(const at::Tensor& rows, const SequenceGroup& group, int64_t heads) {
  return copy_either_way<Way::kPad, Way::kTake>(rows, group, heads);
}

at::Tensor take_heads(const at::Tensor& padded, const SequenceGroup& group) {
  return copy_either_way<Way::kTake, Way::kPad>(padded, group, padded.size(1));
}

}  // namespace paceline
