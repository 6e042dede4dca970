// Only what is used is included: all of PyTorch's headers take three times as long.
#include "backend/torch/row_layout.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstddef>
#include <cstring>

namespace paceline {
namespace {

// Bytes from which on a second thread pays.
constexpr int64_t kBytesPerThread = 1 << 15;

enum class Way { kPad, kTake };

/// Copies each sequence between its rows and its place in the rectangle [G, S, C], where kPad zeroes the rest.
void copy_sequences(Way way, const at::Tensor& from, at::Tensor& to, const std::vector<int64_t>& lengths) {
  const int64_t row_bytes = from.size(-1) * static_cast<int64_t>(from.element_size());
  const auto sequences = static_cast<int64_t>(lengths.size());
  std::vector<int64_t> starts(lengths.size() + 1, 0);
  for (std::size_t i = 0; i < lengths.size(); ++i) starts[i + 1] = starts[i] + lengths[i];
  const int64_t longest = lengths.front();
  const auto* source = static_cast<const std::byte*>(from.const_data_ptr());
  auto* target = static_cast<std::byte*>(to.mutable_data_ptr());
  const int64_t grain = 1 + kBytesPerThread / (1 + longest * row_bytes);
  at::parallel_for(0, sequences, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t rows = starts[static_cast<std::size_t>(i)] * row_bytes;
      const int64_t rectangle = i * longest * row_bytes;
      const auto bytes = static_cast<std::size_t>(lengths[static_cast<std::size_t>(i)] * row_bytes);
      if (way == Way::kTake) {
        std::memcpy(target + rows, source + rectangle, bytes);
        continue;
      }
      std::memcpy(target + rectangle, source + rows, bytes);
      std::memset(target + rectangle + bytes, 0, static_cast<std::size_t>(longest * row_bytes) - bytes);
    }
  });
}

at::Tensor copied(Way way, const at::Tensor& given, const std::vector<int64_t>& lengths, int64_t rows) {
  const at::Tensor from = given.contiguous();
  const int64_t width = from.size(-1);
  at::Tensor to = way == Way::kTake
                      ? at::empty({rows, width}, from.options())
                      : at::empty({static_cast<int64_t>(lengths.size()), lengths.front(), width}, from.options());
  copy_sequences(way, from, to, lengths);
  return to;
}

/// One way forward, the other way back.
template <Way kForward, Way kBackward>
struct SequenceCopy : torch::autograd::Function<SequenceCopy<kForward, kBackward>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given,
                            const std::vector<int64_t>& lengths, int64_t rows) {
    context->saved_data["lengths"] = lengths;
    context->saved_data["rows"] = rows;
    return copied(kForward, given, lengths, rows);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor()};
    const std::vector<int64_t> lengths = context->saved_data["lengths"].toIntVector();
    return {copied(kBackward, gradients[0], lengths, context->saved_data["rows"].toInt()), at::Tensor(), at::Tensor()};
  }
};

template <Way kForward, Way kBackward>
at::Tensor copy_either_way(const at::Tensor& given, const SequenceGroup& group) {
  if (!at::GradMode::is_enabled() || !given.requires_grad()) return copied(kForward, given, group.lengths, group.rows);
  return SequenceCopy<kForward, kBackward>::apply(given, group.lengths, group.rows);
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
  return copy_either_way<Way::kPad, Way::kTake>(rows, group);
}

at::Tensor take_rows(const at::Tensor& padded, const SequenceGroup& group) {
  if (!group.padded()) return padded.flatten(0, 1);
  return copy_either_way<Way::kTake, Way::kPad>(padded, group);
}

}  // namespace paceline
