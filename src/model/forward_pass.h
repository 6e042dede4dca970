#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "model/model_weights.h"
#include "model/stage_clock.h"
#include "network/network.h"

namespace paceline {

/// One sequence of a pass.
struct PassSequence {
  const int32_t* ids = nullptr;
  const int32_t* token_types = nullptr;  ///< null: all of type 0
  int32_t tokens = 0;
  int32_t first = 0;        ///< its first row in the pass
  int32_t part = 0;         ///< of the batch, which one thread takes: see SequenceParts
  float* logits = nullptr;  ///< [outputs]
};

/// The activations of one pass, sized once. What a product reads in another type than fp32 has an area of its own,
/// named `..._in`; in fp32 those are the same rows. Rows are a cache line longer than they need be, so that the rows of
/// a tile do not fall into one L1 set.
class PassMemory {
 public:
  /// `tokens`: the most of a pass.
  PassMemory(const Network& network, const ModelWeights& weights, const Kernels& kernels, int32_t tokens);

  Rows hidden;                 ///< [T, C]
  NumberRows hidden_in;        ///< [T, C]
  NumberRows query_key_value;  ///< [T, 3 C and gaps], fp32 or bf16
  Rows context;                ///< [T, C], what attention mixed; later one side of the head
  NumberRows context_in;       ///< [T, C]
  Rows inner;                  ///< [kInnerRows, I]
  NumberRows inner_in;         ///< [kInnerRows, I]
  Rows pooled;                 ///< [B, C], the first tokens' rows of the last block
  NumberRows pooled_in;        ///< [B, C]
  Rows pooled_query;           ///< [B, C]; later the other side of the head
  NumberRows query_in;         ///< [B, C]: what makes the pooled query, then itself
  Rows mixed;                  ///< [kPooledSequences x H, C], of the last block: queries, then what they mixed
  NumberRows mixed_in;         ///< [kPooledSequences x H, C]
  float* attention_scratch = nullptr;

  /// Rows that go through attention output and feed-forward together: the inner activations stay in L2.
  static constexpr int32_t kInnerRows = 144;

  /// Sequences that go through the last block's attention together: enough rows for its products.
  static constexpr int32_t kPooledSequences = 48;

 private:
  class Layout;
  void place(Layout& layout, const Network& network, const ModelWeights& weights, const Kernels& kernels,
             int32_t tokens);

  AlignedBuffer memory_;
};

/// How the threads of a team share a pass.
struct Team {
  ThreadPool* pool = nullptr;
  int thread = 0;
  int threads = 1;              ///< 1: this thread runs the pass alone
  bool split_rows = false;      ///< each thread takes some rows through all columns, else some columns of all rows
  StageClock* clock = nullptr;  ///< this thread's; null: nothing is timed
};

/// Takes packed sequences through the whole network. All threads of a team call run with the same sequences.
class ForwardPass {
 public:
  /// `shared` holds the team's activations, `own` what a thread needs for itself; for a team of one they are the same.
  ForwardPass(const Network& network, const ModelWeights& weights, const Kernels& kernels);
  void run(std::span<const PassSequence> sequences, const Team& team, PassMemory& shared, PassMemory& own) const;

 private:
  const Network& network_;
  const ModelWeights& weights_;
  const Kernels& kernels_;
};

}  // namespace paceline
