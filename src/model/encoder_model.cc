#include "model/encoder_model.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "batch/check_batch.h"
#include "model/forward_pass.h"
#include "model/model_weights.h"

namespace paceline {
namespace {

// From so many tokens a thread on, splitting sequences beats splitting columns with its barriers by 2-4 %; below, every
// thread reading all weights costs more.
constexpr int32_t kTokensPerThread = 32;

// Splitting rows costs up to 2 % against an even split of sequences: a larger unevenness is worth it.
constexpr double kUnevenness = 1.03;

StageClock* clock_of(std::span<StageClock> clocks, int thread) {
  return clocks.empty() ? nullptr : &clocks[static_cast<std::size_t>(thread)];
}

}  // namespace

struct EncoderModel::State {
  State(const Network& description, const WeightSource& source, const EncoderOptions& encoder_options,
        const SourceRelease& release)
      : network(description),
        options(encoder_options),
        kernels(options.kernels == nullptr ? active_kernels() : *options.kernels),
        pool(options.threads),
        weights(load_weights(network, source, release, kernels, options.type, pool)),
        pass(network, weights, kernels),
        capacity(std::max(options.pass_tokens, network.max_tokens)),
        loads(static_cast<std::size_t>(options.threads)),
        shares(static_cast<std::size_t>(options.threads)) {
    for (int32_t thread = 0; thread < options.threads; ++thread) {
      memories.emplace_back(network, weights, kernels, capacity);
    }
  }

  /// In units of one multiply-add per hidden column and block: products grow with the tokens, attention with their
  /// square.
  double cost(const PassSequence& sequence) const {
    const double tokens = sequence.tokens;
    return tokens * (2.0 * network.hidden_size + network.intermediate_size + tokens);
  }

  /// Deals the sequences out to the threads, the largest first, each to the thread with the least to do. Returns how
  /// much more than the average the busiest thread has to do.
  double deal() {
    std::sort(sequences.begin(), sequences.end(), [](const PassSequence& a, const PassSequence& b) {
      return a.tokens != b.tokens ? a.tokens > b.tokens : a.logits < b.logits;
    });
    std::fill(loads.begin(), loads.end(), 0.0);
    for (std::vector<PassSequence>& mine : shares) {
      mine.clear();
      mine.reserve(sequences.size());
    }
    for (const PassSequence& sequence : sequences) {
      const auto least = static_cast<std::size_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
      loads[least] += cost(sequence);
      shares[least].push_back(sequence);
    }
    const double average = std::accumulate(loads.begin(), loads.end(), 0.0) / static_cast<double>(loads.size());
    return *std::max_element(loads.begin(), loads.end()) / average;
  }

  Split choose(int32_t tokens) {
    if (options.split != Split::kAuto) return options.split;
    if (options.threads == 1) return Split::kSequences;
    if (tokens < kTokensPerThread * options.threads) return Split::kColumns;
    return deal() <= kUnevenness ? Split::kSequences : Split::kRows;
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
    deal();
    pool.run([&](int thread) {
      const auto own = static_cast<std::size_t>(thread);
      in_passes(shares[own], [&](std::span<const PassSequence> now) {
        pass.run(now, Team{.thread = 0, .threads = 1, .clock = clock_of(clocks, thread)}, memories[own], memories[own]);
      });
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
  std::vector<double> loads;
  std::vector<std::vector<PassSequence>> shares;
};

EncoderModel::EncoderModel(const Network& network, const WeightSource& source, const EncoderOptions& options,
                           const SourceRelease& release)
    : state_(std::make_unique<State>(network, source, options, release)) {}

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
