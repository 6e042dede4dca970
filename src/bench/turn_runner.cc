#include "bench/turn_runner.h"

#include <fmt/format.h>

#include <cmath>
#include <tuple>

namespace paceline {
namespace {

/// What a share differs by where its sums were taken in another order.
constexpr double kShareMargin = 1e-9;

/// A line that somebody changed would give figures of something else.
void check_fits(const SavedTurn& saved, const Timing& planned, const TurnRunner::Turn& turn) {
  const Timing& is = saved.timing;
  const Timing& expected = turn.alike_in_every_run ? planned : is;
  const std::size_t times = turn.of_single_texts ? static_cast<std::size_t>(expected.batches) : 0;
  if (std::tie(is.batches, is.tokens) == std::tie(expected.batches, expected.tokens) &&
      saved.text_seconds.size() == times && std::abs(is.share - expected.share) < kShareMargin) {
    return;
  }
  throw Error(
      ErrorCode::kCorruptData,
      fmt::format("[{}] round {} of {} has {} batches, {} tokens, the times of {} texts and a share of {}; {}, {}, "
                  "{} and {} were expected. Delete the line: --resume measures what is missing.",
                  saved.where, is.round, saved.key, is.batches, is.tokens, saved.text_seconds.size(), is.share,
                  expected.batches, expected.tokens, times, expected.share));
}

}  // namespace

bool TurnRunner::run(Contender& contender, const Turn& turn, SavedTurn& result) {
  result.key = turn.key;
  if (store_ != nullptr) {
    const SavedTurn* saved = store_->find(turn.key, result.timing.round, result.timing.confirmation);
    if (saved != nullptr) {
      check_fits(*saved, result.timing, turn);
      result = *saved;
      ++taken_;
      return true;
    }
  }
  if (stop_.stop_requested()) throw Interrupted{};
  while (!measure(contender, turn, result)) {
    if (!revive(contender)) return false;
  }
  if (store_ != nullptr) store_->append(result, environment_.now() - began_);
  return true;
}

bool TurnRunner::measure(Contender& contender, const Turn& turn, SavedTurn& result) {
  BatchTimes times;
  const bool done =
      with_worker(contender, [&](Worker& worker) { times = worker.time_batches(turn.batches, turn.expected_seconds); });
  if (!done) return false;
  result.timing.seconds = times.total_seconds;
  if (turn.of_single_texts) result.text_seconds = std::move(times.seconds);
  predicted_ += turn.expected_seconds;
  measured_ += times.total_seconds;
  return true;
}

bool TurnRunner::revive(Contender& contender) {
  const std::string reason = contender.result.error;
  if (!revive_contender(contender, subject_, environment_)) return false;
  notes_.push_back(fmt::format("{} was started again. {}", contender.name(), reason));
  return true;
}

}  // namespace paceline
