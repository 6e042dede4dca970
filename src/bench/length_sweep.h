#pragma once

#include <array>
#include <functional>
#include <vector>

#include "bench/contender.h"
#include "bench/turn_runner.h"

namespace paceline {

/// What a text of a given length costs: batches of sequences of exactly that length, without padding for anybody.

inline constexpr std::array<int32_t, 7> kSweepTokens{8, 16, 32, 64, 128, 256, 512};
inline constexpr std::array<int32_t, 3> kSweepBatchSizes{1, 8, 32};

/// Of every point; a point is not worth showing without two.
inline constexpr int kSweepRounds = 3;

/// Sequences for every length up to `max_tokens`, as many of each as the largest batch has, ascending by length; cut
/// from the sample's own ids, one text after the other.
std::vector<Encoding> make_length_texts(const Workload& workload, int32_t max_tokens);

/// A batch of the sweep on one contender.
struct SweepPoint {
  std::size_t contender = 0;
  int32_t tokens = 0;  ///< of each sequence
  int32_t batch_size = 0;
  double seconds = 0;  ///< predicted, of one batch
};

/// The points that fit into `seconds`, warm-up and kSweepRounds rounds included: the cheapest lengths and batch sizes
/// first, each for every running contender of one instance whose answers were accepted, or for none.
std::vector<SweepPoint> plan_sweep(const std::vector<Contender>& contenders, const BenchSubject& subject,
                                   double seconds);

/// Predicted seconds of all rounds of the points, warm-up included.
double sweep_seconds(const std::vector<SweepPoint>& points);

/// What a sweep needs besides its points.
struct SweepContext {
  const BenchSubject& subject;
  TurnRunner& turns;
  uint64_t seed = 0;
  std::function<double(const Contender&)> roof_gflops;  ///< of its compute type and device; 0: unknown
};

/// Interleaved rounds over the points. Throws Interrupted, after which `results` holds what is complete.
void measure_lengths(const std::vector<SweepPoint>& points, std::vector<Contender>& contenders,
                     const SweepContext& context, std::vector<LengthResult>& results);

}  // namespace paceline
