#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "base/testing/sanitized.h"
#include "model/encoder_model.h"
#include "model/testing/synthetic_model.h"

namespace {

std::atomic<int64_t> g_allocations{0};

#if !PACELINE_SANITIZED  // the sanitizers have an operator new already
void* counted(std::size_t size) {
  ++g_allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
#endif

}  // namespace

#if !PACELINE_SANITIZED
// Every allocation of this program is counted; over-aligned ones too, since AlignedBuffer would show as plain ones.
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace paceline {
namespace {

TEST(SteadyState, RunAllocatesNothing) {
  if (kSanitized) GTEST_SKIP() << "allocations are the sanitizer's";
  const SyntheticModel synthetic;
  const PackedBatch small = synthetic.batch({3, 5});
  const PackedBatch large = synthetic.batch({64, 64, 64, 1, 30, 8, 40, 64});
  std::vector<float> logits(8 * 3);
  for (const NumberType type : {NumberType::kFp32, NumberType::kBf16, NumberType::kInt8}) {
    for (const Split split : {Split::kAuto, Split::kColumns, Split::kSequences, Split::kRows}) {
      EncoderModel model(synthetic.network(), synthetic.source(), {.threads = 2, .type = type, .split = split});
      model.run(large, logits);
      const int64_t before = g_allocations;
      model.run(small, std::span(logits).first(6));
      model.run(large, logits);
      EXPECT_EQ(g_allocations - before, 0)
          << "split " << static_cast<int>(split) << ", type " << static_cast<int>(type);
    }
  }
  const int64_t before = g_allocations;
  delete new int(1);
  EXPECT_GT(g_allocations - before, 0) << "nothing is counted";
}

// A sequence's logits are the same bits in any company, on any number of threads.
TEST(SteadyState, AnyBatchGivesEachTextItsOwnBits) {
  const SyntheticModel synthetic({.hidden = 24, .heads = 3, .inner = 40, .blocks = 2, .max_tokens = 40, .labels = 2});
  EncoderModel alone(synthetic.network(), synthetic.source(), {.threads = 1});
  std::vector<std::unique_ptr<EncoderModel>> models;
  for (int threads = 1; threads <= 4; ++threads) {
    models.push_back(std::make_unique<EncoderModel>(synthetic.network(), synthetic.source(),
                                                    EncoderOptions{.threads = threads, .pass_tokens = 50}));
  }
  const bool held = rc::check("logits of a batch are those of its texts", [&] {
    const auto lengths = *rc::gen::nonEmpty(rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(1, 41)));
    const auto seed = *rc::gen::inRange<uint32_t>(0, 1000);
    const PackedBatch batch = synthetic.batch(lengths, seed);
    EncoderModel& model = *models[*rc::gen::inRange<std::size_t>(0, models.size())];
    std::vector<float> together(lengths.size() * 2);
    model.run(batch, together);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      PackedBatch one;
      const auto first = batch.input_ids.begin() + batch.cu_seqlens[i];
      one.input_ids.assign(first, first + lengths[i]);
      one.cu_seqlens = {0, lengths[i]};
      one.max_seqlen = lengths[i];
      std::vector<float> single(2);
      alone.run(one, single);
      RC_ASSERT(single[0] == together[2 * i]);
      RC_ASSERT(single[1] == together[2 * i + 1]);
    }
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace paceline
