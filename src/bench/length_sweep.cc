#include "bench/length_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "results/statistics.h"
#include "statistics/random.h"

namespace paceline {
namespace {

constexpr int32_t kMostSequences = *std::max_element(kSweepBatchSizes.begin(), kSweepBatchSizes.end());

/// A turn repeats its batch until then: single batches of few tokens are shorter than a clock's disturbances.
constexpr double kTurnSeconds = 0.05;

/// Where the first sequence of a length stands among a worker's texts.
uint32_t first_index(const BenchSubject& subject, int32_t tokens) {
  const auto& texts = subject.length_texts;
  const auto found = std::ranges::find_if(
      texts, [&](const Encoding& one) { return static_cast<int32_t>(one.input_ids.size()) == tokens; });
  return static_cast<uint32_t>(subject.workload.encodings.size() + static_cast<std::size_t>(found - texts.begin()));
}

double point_flops(const BenchSubject& subject, int32_t tokens, int32_t batch_size) {
  return batch_size * subject.work.length_flops(tokens);
}

int32_t repeats(const SweepPoint& point) {
  return std::max(1, static_cast<int32_t>(std::ceil(kTurnSeconds / std::max(point.seconds, 1e-4))));
}

bool takes_part(const Contender& contender) {
  return contender.running() && contender.result.gate.accepted && contender.result.instances == 1;
}

Configuration configuration_of(const Contender& contender, int32_t batch_size) {
  const BackendResult& is = contender.result;
  return {.backend = is.backend,
          .compute_type = is.compute_type,
          .device = is.device,
          .batch_size = batch_size,
          .threads = is.threads,
          .instances = is.instances};
}

std::vector<BatchIndices> batches_of(const SweepPoint& point, const BenchSubject& subject) {
  BatchIndices batch(static_cast<std::size_t>(point.batch_size));
  std::iota(batch.begin(), batch.end(), first_index(subject, point.tokens));
  return std::vector<BatchIndices>(static_cast<std::size_t>(repeats(point)), batch);
}

LengthResult summarize_point(const SweepPoint& point, const std::vector<double>& ms, const PooledSpread& typical,
                             const Contender& contender, const SweepContext& context) {
  LengthResult result;
  result.configuration = configuration_of(contender, point.batch_size);
  result.tokens = point.tokens;
  result.rounds = static_cast<int32_t>(ms.size());
  result.ms_per_text = estimate(ms, typical);
  result.tokens_per_second = 1e3 * point.tokens / result.ms_per_text.median;
  const double gflops = context.subject.work.length_flops(point.tokens) / result.ms_per_text.median / 1e6;
  const double roof = context.roof_gflops(contender);
  if (roof > 0) result.roof_share = gflops / roof;
  return result;
}

Timing timing_of(const SweepPoint& point, int32_t round) {
  const int32_t batches = repeats(point);
  return {.round = round, .batches = batches, .tokens = int64_t{batches} * point.batch_size * point.tokens, .share = 1};
}

/// By contender, batch size, tokens: the order in which lines are drawn.
std::vector<std::size_t> in_order(const std::vector<SweepPoint>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::tuple(points[i].contender, points[i].batch_size, points[i].tokens);
  });
  return order;
}

}  // namespace

std::vector<Encoding> make_length_texts(const Workload& workload, int32_t max_tokens) {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;
  for (const Encoding& encoding : workload.encodings) {
    ids.insert(ids.end(), encoding.input_ids.begin(), encoding.input_ids.end());
    types.insert(types.end(), encoding.token_type_ids.begin(), encoding.token_type_ids.end());
  }
  std::vector<Encoding> texts;
  std::size_t place = 0;
  for (const int32_t tokens : kSweepTokens) {
    if (tokens > max_tokens) break;
    for (int32_t i = 0; i < kMostSequences; ++i) {
      Encoding& text = texts.emplace_back();
      for (int32_t token = 0; token < tokens; ++token, ++place) {
        text.input_ids.push_back(ids[place % ids.size()]);
        if (!types.empty()) text.token_type_ids.push_back(types[place % types.size()]);
      }
    }
  }
  return texts;
}

std::vector<SweepPoint> plan_sweep(const std::vector<Contender>& contenders, const BenchSubject& subject,
                                   double seconds) {
  std::vector<std::vector<SweepPoint>> groups;
  const int32_t longest =
      subject.length_texts.empty() ? 0 : static_cast<int32_t>(subject.length_texts.back().input_ids.size());
  for (const int32_t tokens : kSweepTokens) {
    for (const int32_t batch_size : kSweepBatchSizes) {
      if (tokens > longest) continue;
      std::vector<SweepPoint> group;
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        if (!takes_part(contenders[i])) continue;
        const double predicted = contenders[i].cost.seconds(point_flops(subject, tokens, batch_size));
        group.push_back({.contender = i, .tokens = tokens, .batch_size = batch_size, .seconds = predicted});
      }
      if (!group.empty()) groups.push_back(std::move(group));
    }
  }
  std::ranges::stable_sort(groups, {}, sweep_seconds);
  std::vector<SweepPoint> points;
  for (const std::vector<SweepPoint>& group : groups) {
    seconds -= sweep_seconds(group);
    if (seconds < 0) break;
    points.insert(points.end(), group.begin(), group.end());
  }
  return points;
}

double sweep_seconds(const std::vector<SweepPoint>& points) {
  double seconds = 0;
  for (const SweepPoint& point : points) seconds += (1 + kSweepRounds * repeats(point)) * point.seconds;
  return seconds;
}

void measure_lengths(const std::vector<SweepPoint>& points, std::vector<Contender>& contenders,
                     const SweepContext& context, std::vector<LengthResult>& results) {
  Random random(context.seed);
  std::vector<std::vector<double>> ms(points.size());
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto summarize = [&] {
    const PooledSpread typical = pooled_log_spread(ms);
    results.clear();
    for (const std::size_t i : in_order(points)) {
      if (ms[i].size() < 2) continue;
      results.push_back(summarize_point(points[i], ms[i], typical, contenders[points[i].contender], context));
    }
  };
  for (int32_t round = 0; round < kSweepRounds; ++round) {
    random.shuffle(order);
    for (const std::size_t i : order) {
      const SweepPoint& point = points[i];
      Contender& contender = contenders[point.contender];
      const std::vector<BatchIndices> batches = batches_of(point, context.subject);
      SavedTurn turn;
      turn.timing = timing_of(point, round);
      const std::string key = turn_key(configuration_of(contender, point.batch_size), point.tokens);
      const double expected = point.seconds * turn.timing.batches;
      if (!context.turns.run(contender, {.key = key, .batches = batches, .expected_seconds = expected}, turn)) continue;
      ms[i].push_back(1e3 * turn.timing.seconds / (turn.timing.batches * point.batch_size));
    }
    if (round > 0) summarize();
  }
}

}  // namespace paceline
