#include "bench/turn_runner.h"

#include <fmt/format.h>

namespace paceline {

bool TurnRunner::run(Contender& contender, const Turn& turn, SavedTurn& result) {
  result.key = turn.key;
  if (store_ != nullptr) {
    const SavedTurn* saved = store_->find(turn.key, result.timing.round, result.timing.confirmation);
    if (saved != nullptr) {
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
