#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "bench/contender.h"
#include "bench/round_store.h"

namespace paceline {

/// Runs timed turns; a worker that crashed is started again as long as it may. Where rounds are saved, a turn that an
/// earlier run measured is taken from there, and a new one is saved before the next begins.
class TurnRunner {
 public:
  /// `store`: null where rounds are not saved.
  TurnRunner(const BenchSubject& subject, const BenchEnvironment& environment, std::stop_token stop, RoundStore* store)
      : subject_(subject),
        environment_(environment),
        stop_(std::move(stop)),
        store_(store),
        began_(environment.now()) {}

  /// A turn: which, on which batches, and about how long it takes. `timing` has everything but the seconds.
  struct Turn {
    std::string key;
    const std::vector<BatchIndices>& batches;
    double expected_seconds = 0;
    bool of_single_texts = false;     ///< the times of the batches are wanted, too
    bool alike_in_every_run = false;  ///< always these batches, whatever was measured or chosen before
    /// Whatever a run costs and whatever its work does, the turn has a share between that of the batches and that of
    /// the floating-point operations.
    double least_share = 1, most_share = 1;
  };

  /// Fills the turn's time (and share, where it comes from an earlier run). False where the contender is lost.
  /// Throws Interrupted, and Error: {resource_exhausted} where a turn cannot be saved, {corrupt_data} where a saved one
  /// is not of these batches.
  bool run(Contender& contender, const Turn& turn, SavedTurn& result);

  /// What was measured of what was predicted, by this run: above 1 where it takes longer.
  double pace() const { return predicted_ > 0 ? measured_ / predicted_ : 1; }
  std::size_t taken() const { return taken_; }  ///< turns of earlier runs
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  bool measure(Contender& contender, const Turn& turn, SavedTurn& result);
  bool revive(Contender& contender);

  const BenchSubject& subject_;
  const BenchEnvironment& environment_;
  std::stop_token stop_;
  RoundStore* store_;
  double began_;
  double predicted_ = 0;
  double measured_ = 0;
  std::size_t taken_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace paceline
