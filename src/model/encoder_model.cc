#include "model/encoder_model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "batch/check_batch.h"
#include "model/model_weights.h"
#include "model/pass/forward_pass.h"
#include "model/sequence_parts.h"

namespace paceline {
namespace {

// From so many tokens a thread on, splitting sequences beats splitting columns with its barriers by 2-4 %; below, every
// thread reading all weights costs more.
constexpr int32_t kTokensPerThread = 32;

// Splitting rows costs up to 2 % against an even split of sequences: a larger unevenness is worth it.
constexpr double kUnevenness = 1.03;

// Parts are dealt by their work, so that some hold more tokens than the average: room for those in one pass.
constexpr double kPartOfPass = 0.9;

StageClock* clock_of(std::span<StageClock> clocks, int thread) {
  return clocks.empty() ? nullptr : &clocks[static_cast<std::size_t>(thread)];
}

}  // namespace

struct EncoderModel::State {
  State(const Network& description, const WeightSource& source, const EncoderOptions& encoder_options)
      : network(description),
        options(encoder_options),
        kernels(options.kernels == nullptr ? active_kernels() : *options.kernels),
        pool(options.threads),
        weights(load_weights(network, source, kernels, options.type, pool)),
        pass(network, weights, kernels),
        capacity(std::max(options.pass_tokens, network.max_tokens)),
        parts(network) {
    for (int32_t thread = 0; thread < options.threads; ++thread) {
      memories.emplace_back(network, weights, kernels, capacity);
    }
  }

  /// As many for each thread as there are passes to make of its share.
  void deal(int32_t tokens) {
    const double of_thread = static_cast<double>(tokens) / options.threads;
    const double passes = std::ceil(of_thread / (kPartOfPass * options.pass_tokens));
    parts.deal(sequences, static_cast<std::size_t>(options.threads) * static_cast<std::size_t>(passes));
  }

  /// Deals the sequences out where they are what is split.
  Split choose(int32_t tokens) {
    if (options.split == Split::kColumns || options.split == Split::kRows) return options.split;
    const bool open = options.split == Split::kAuto && options.threads > 1;
    if (open && tokens < kTokensPerThread * options.threads) return Split::kColumns;
    deal(tokens);
    return open && parts.unevenness(options.threads) > kUnevenness ? Split::kRows : Split::kSequences;
  }

  /// Numbers the rows of the longest run of sequences from `first` on that is one pass of about `target` tokens.
  std::span<PassSequence> next_pass(std::span<PassSequence> from, int32_t target) const {
    int32_t tokens = 0;
    std::size_t count = 0;
    while (count < from.size() && (count == 0 || tokens < target) && tokens + from[count].tokens <= capacity) {
      from[count].first = tokens;
      tokens += from[count].tokens;
      ++count;
    }
    return from.first(count);
  }

  /// Calls run_pass for all sequences, in passes of nearly equal size.
  template <class RunPass>
  void in_passes(std::span<PassSequence> all, RunPass run_pass) const {
    int64_t tokens = 0;
    for (const PassSequence& sequence : all) tokens += sequence.tokens;
    const int64_t passes = std::max<int64_t>(1, (tokens + options.pass_tokens - 1) / options.pass_tokens);
    const auto target = static_cast<int32_t>((tokens + passes - 1) / passes);
    while (!all.empty()) {
      const std::span<PassSequence> now = next_pass(all, target);
      run_pass(now);
      all = all.subspan(now.size());
    }
  }

  void run_split_by_sequence(std::span<StageClock> clocks) {
    std::atomic<std::size_t> next{0};
    pool.run([&](int thread) {
      const Team alone{.clock = clock_of(clocks, thread)};
      PassMemory& own = memories[static_cast<std::size_t>(thread)];
      for (std::size_t part = next++; part < parts.count(); part = next++) {
        in_passes(parts[part], [&](std::span<const PassSequence> now) { pass.run(now, alone, own, own); });
      }
    });
  }

  void run_as_team(bool split_rows, std::span<StageClock> clocks) {
    in_passes(sequences, [&](std::span<const PassSequence> now) {
      pool.run([&](int thread) {
        const Team team{.pool = &pool,
                        .thread = thread,
                        .threads = options.threads,
                        .split_rows = split_rows,
                        .clock = clock_of(clocks, thread)};
        pass.run(now, team, memories.front(), memories[static_cast<std::size_t>(thread)]);
      });
    });
  }

  void list_sequences(const PackedBatch& batch, std::span<float> logits) {
    sequences.clear();
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      const int32_t first = batch.cu_seqlens[static_cast<std::size_t>(i)];
      sequences.push_back(
          {.ids = batch.input_ids.data() + first,
           .token_types = batch.token_type_ids.empty() ? nullptr : batch.token_type_ids.data() + first,
           .tokens = batch.length(i),
           .logits = logits.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(network.outputs)});
    }
  }

  /// `clocks`: one for each thread, or none.
  void run(const PackedBatch& batch, std::span<float> logits, std::span<StageClock> clocks) {
    check_batch(batch, network, logits.size());
    list_sequences(batch, logits);
    const Split split = choose(batch.tokens());
    if (split == Split::kSequences) {
      run_split_by_sequence(clocks);
    } else {
      run_as_team(split == Split::kRows, clocks);
    }
  }

  const Network network;
  const EncoderOptions options;
  const Kernels& kernels;
  ThreadPool pool;
  const ModelWeights weights;
  const ForwardPass pass;
  const int32_t capacity;  // tokens of a pass at most
  std::vector<PassMemory> memories;

  // Kept between runs so that none allocates.
  std::vector<PassSequence> sequences;
  SequenceParts parts;
};

EncoderModel::EncoderModel(const Network& network, const WeightSource& source, const EncoderOptions& options)
    : state_(std::make_unique<State>(network, source, options)) {}

EncoderModel::~EncoderModel() = default;

const Network& EncoderModel::network() const { return state_->network; }
const Kernels& EncoderModel::kernels() const { return state_->kernels; }
int32_t EncoderModel::threads() const { return state_->options.threads; }
std::size_t EncoderModel::weight_bytes() const { return state_->weights.bytes(); }

void EncoderModel::run(const PackedBatch& batch, std::span<float> logits) { state_->run(batch, logits, {}); }

StageTimes EncoderModel::run_timed(const PackedBatch& batch, std::span<float> logits) {
  std::vector<StageClock> clocks(static_cast<std::size_t>(threads()));
  const double begin = monotonic_seconds();
  state_->run(batch, logits, clocks);
  return add_up(clocks, monotonic_seconds() - begin);
}

}  // namespace paceline
