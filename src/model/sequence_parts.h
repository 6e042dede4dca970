#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/pass/pass_part.h"
#include "network/network.h"

namespace paceline {

/// A batch's sequences in parts of nearly equal work, which threads take one after the other: a thread that is held up,
/// by another program or by a neighbour on its core, takes fewer of them. Allocates nothing once it has seen its
/// largest batch.
class SequenceParts {
 public:
  explicit SequenceParts(const Network& network) : network_(network) {}

  /// Orders the sequences by their part. `count`: of parts, at least one; with fewer sequences some stay empty.
  void deal(std::span<PassSequence> sequences, std::size_t count);

  std::size_t count() const { return parts_.size(); }
  /// The part with the most work comes first. Of the sequences that were dealt last.
  std::span<PassSequence> operator[](std::size_t index) const {
    return sequences_.subspan(parts_[index].first, parts_[index].sequences);
  }

  /// How much more than the average the busiest of so many threads has to do, each taking the next part when it is done
  /// with one. 1: none has.
  double unevenness(int threads);

 private:
  struct Part {
    double cost = 0;
    std::size_t first = 0;
    std::size_t sequences = 0;
  };

  double cost(const PassSequence& sequence) const;

  const Network& network_;
  std::span<PassSequence> sequences_;
  std::vector<Part> parts_;
  std::vector<double> loads_;
};

}  // namespace paceline
