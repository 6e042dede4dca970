#include "model/sequence_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace paceline {
namespace {

std::vector<PassSequence> sequences_of(const std::vector<int32_t>& lengths) {
  static float logits[1000];
  std::vector<PassSequence> sequences;
  for (std::size_t i = 0; i < lengths.size(); ++i) sequences.push_back({.tokens = lengths[i], .logits = logits + i});
  return sequences;
}

Network small_network() {
  Network network;
  network.hidden_size = 64;
  network.intermediate_size = 256;
  return network;
}

TEST(SequenceParts, EverySequenceIsInOnePart) {
  const Network network = small_network();
  SequenceParts parts(network);
  const std::vector<int32_t> lengths = {5, 17, 3, 3, 90, 41, 1, 60, 33, 8, 8, 8};
  std::vector<PassSequence> sequences = sequences_of(lengths);
  for (const std::size_t count : {1, 2, 3, 5, 12, 20}) {
    parts.deal(sequences, count);
    ASSERT_EQ(parts.count(), count);
    std::vector<int32_t> found;
    double before = 1e9;
    for (std::size_t part = 0; part < count; ++part) {
      double work = 0;
      for (const PassSequence& sequence : parts[part]) {
        found.push_back(sequence.tokens);
        work += sequence.tokens * (2.0 * 64 + 256 + sequence.tokens);
      }
      EXPECT_LE(work, before) << "the largest part comes first";
      before = work;
    }
    std::sort(found.begin(), found.end());
    std::vector<int32_t> expected = lengths;
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(found, expected) << count << " parts";
  }
}

TEST(SequenceParts, EqualSequencesAreDealtEvenly) {
  const Network network = small_network();
  SequenceParts parts(network);
  std::vector<PassSequence> sequences = sequences_of(std::vector<int32_t>(64, 32));
  parts.deal(sequences, 4);
  for (std::size_t part = 0; part < 4; ++part) EXPECT_EQ(parts[part].size(), 16U);
  EXPECT_DOUBLE_EQ(parts.unevenness(2), 1.0);
}

TEST(SequenceParts, OneLongSequenceIsUneven) {
  const Network network = small_network();
  SequenceParts parts(network);
  std::vector<PassSequence> sequences = sequences_of({100});
  parts.deal(sequences, 2);
  EXPECT_DOUBLE_EQ(parts.unevenness(2), 2.0);
  // Small parts even out what the large one leaves: 4 beside 1 + 1 + 1 + 1.
  sequences = sequences_of({40, 10, 10, 10, 10});
  parts.deal(sequences, 5);
  EXPECT_LT(parts.unevenness(2), 1.05);
}

}  // namespace
}  // namespace paceline
