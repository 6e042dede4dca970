#include "bench/turn_runner.h"

#include <fmt/format.h>

#include <string>

#include "results/fields.h"

namespace paceline {
namespace {

/// "0.1", or "0.1 to 0.12".
std::string share_words(const TurnRunner::Turn& turn) {
  if (turn.most_share - turn.least_share < kShareMargin) return fmt::format("{}", turn.least_share);
  return fmt::format("{} to {}", turn.least_share, turn.most_share);
}

/// A line that somebody changed would give figures of something else.
void check_fits(const SavedTurn& saved, const Timing& planned, const TurnRunner::Turn& turn) {
  const Timing& is = saved.timing;
  const bool as_planned = is.batches == planned.batches && is.tokens == planned.tokens;
  const Timing& expected = turn.alike_in_every_run ? planned : is;
  const std::size_t times = turn.of_single_texts ? static_cast<std::size_t>(expected.batches) : 0;
  const bool share_fits = is.share > turn.least_share - kShareMargin && is.share < turn.most_share + kShareMargin;
  if ((as_planned ? share_fits : !turn.alike_in_every_run) && saved.text_seconds.size() == times) return;
  throw bad_line(
      ErrorCode::kCorruptData,
      fmt::format("[{}] round {} of {} has {} batches, {} tokens, the times of {} texts and a share of {}; {}, {}, "
                  "{} and {} were expected.",
                  saved.where, is.round, saved.key, is.batches, is.tokens, saved.text_seconds.size(), is.share,
                  expected.batches, expected.tokens, times, share_words(turn)));
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
