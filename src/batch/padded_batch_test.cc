#include "batch/padded_batch.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "batch/batch_planner.h"

namespace paceline {
namespace {

TEST(PaddedBatch, PadsOnTheRight) {
  PackedBatch packed;
  append_sequence(packed, std::vector<int32_t>{5, 6, 7}, {});
  append_sequence(packed, std::vector<int32_t>{8}, {});
  PaddedBatch padded;
  pad_batch(packed, 1, padded);
  EXPECT_EQ(padded.sequences, 2);
  EXPECT_EQ(padded.max_seqlen, 3);
  EXPECT_EQ(padded.input_ids, (std::vector<int64_t>{5, 6, 7, 8, 1, 1}));
  EXPECT_EQ(padded.attention_mask, (std::vector<int64_t>{1, 1, 1, 1, 0, 0}));
  EXPECT_TRUE(padded.token_type_ids.empty());
}

TEST(PaddedBatch, PadsToALengthThatIsAskedFor) {
  PackedBatch packed;
  append_sequence(packed, std::vector<int32_t>{5, 6}, std::vector<int32_t>{1, 1});
  PaddedBatch padded;
  pad_batch(packed, 1, padded, 4);
  EXPECT_EQ(padded.max_seqlen, 4);
  EXPECT_EQ(padded.input_ids, (std::vector<int64_t>{5, 6, 1, 1}));
  EXPECT_EQ(padded.attention_mask, (std::vector<int64_t>{1, 1, 0, 0}));
  EXPECT_EQ(padded.token_type_ids, (std::vector<int64_t>{1, 1, 0, 0}));
  pad_batch(packed, 1, padded, 1);
  EXPECT_EQ(padded.max_seqlen, 2) << "never less than the longest";
}

TEST(PaddedBatch, RowsHoldTheSequencesWhateverTheBufferHeldBefore) {
  PaddedBatch padded;
  EXPECT_TRUE(rc::check([&padded] {
    const auto sequences = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<int32_t>>>(
        rc::gen::nonEmpty(rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(2, 9)))));
    PackedBatch packed;
    for (const auto& ids : sequences) append_sequence(packed, ids, ids);
    pad_batch(packed, 1, padded);
    RC_ASSERT(padded.sequences == static_cast<int64_t>(sequences.size()));
    std::size_t cell = 0;
    for (const auto& ids : sequences) {
      for (int64_t column = 0; column < padded.max_seqlen; ++column, ++cell) {
        const bool real = column < static_cast<int64_t>(ids.size());
        const int64_t id = real ? ids[static_cast<std::size_t>(column)] : 1;
        RC_ASSERT(padded.input_ids[cell] == id);
        RC_ASSERT(padded.token_type_ids[cell] == (real ? id : 0));
        RC_ASSERT(padded.attention_mask[cell] == (real ? 1 : 0));
      }
    }
    RC_ASSERT(padded.input_ids.size() == cell);
  }));
}

TEST(PaddedBatch, TokenTypesVanishWithABatchThatHasNone) {
  PaddedBatch padded;
  PackedBatch packed;
  append_sequence(packed, std::vector<int32_t>{3}, std::vector<int32_t>{1});
  pad_batch(packed, 0, padded);
  EXPECT_EQ(padded.token_type_ids.size(), 1U);
  clear(packed);
  append_sequence(packed, std::vector<int32_t>{3}, {});
  pad_batch(packed, 0, padded);
  EXPECT_TRUE(padded.token_type_ids.empty());
}

}  // namespace
}  // namespace paceline
