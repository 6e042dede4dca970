#include "train/batch_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "paceline/error.h"
#include "statistics/random.h"

namespace paceline {
namespace {

/// Batches whose texts are sorted together, as transformers has it: fewer where the data would be sorted as a whole.
constexpr int64_t kMostSortedBatches = 50;
constexpr int64_t kFewestGroups = 4;

int64_t checked_count(int64_t texts) {
  if (texts <= std::numeric_limits<uint32_t>::max()) return texts;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("[finetune] the data have {} texts, at most {} were expected. Train on a part of them.",
                          texts, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

BatchSampler::BatchSampler(int64_t texts, int32_t batch_size, uint64_t seed)
    : texts_(checked_count(texts)), batch_size_(batch_size), seed_(seed) {}

BatchSampler::BatchSampler(std::vector<int32_t> lengths, int32_t batch_size, uint64_t seed)
    : BatchSampler(static_cast<int64_t>(lengths.size()), batch_size, seed) {
  lengths_ = std::move(lengths);
}

std::span<const uint32_t> BatchSampler::batch(int64_t epoch, int64_t number) {
  if (epoch != drawn_) draw(epoch);
  const auto first = static_cast<std::size_t>(number * batch_size_);
  return std::span(order_).subspan(first, std::min(static_cast<std::size_t>(batch_size_), order_.size() - first));
}

void BatchSampler::draw(int64_t epoch) {
  Random seeds(seed_);
  uint64_t seed = seeds.next();
  for (int64_t i = 0; i < epoch; ++i) seed = seeds.next();
  order_.resize(static_cast<std::size_t>(texts_));
  std::iota(order_.begin(), order_.end(), 0U);
  Random(seed).shuffle(order_);
  if (!lengths_.empty()) group_by_length();
  drawn_ = epoch;
}

void BatchSampler::group_by_length() {
  const int64_t sorted = std::clamp<int64_t>(texts_ / (int64_t{batch_size_} * kFewestGroups), 1, kMostSortedBatches);
  const auto group = static_cast<std::size_t>(sorted * batch_size_);
  std::size_t longest = 0;  // where it stands
  for (std::size_t first = 0; first < order_.size(); first += group) {
    const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(std::min(first + group, order_.size()));
    std::stable_sort(begin, end, [&](uint32_t a, uint32_t b) { return lengths_[a] > lengths_[b]; });
    if (lengths_[order_[first]] > lengths_[order_[longest]]) longest = first;
  }
  std::swap(order_.front(), order_[longest]);
}

}  // namespace paceline
