#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "model/pass/pass_rows.h"
#include "model/stage_clock.h"

namespace paceline {

/// How the threads of a team share a pass, as one of them sees it.
struct Team {
  ThreadPool* pool = nullptr;
  int thread = 0;
  int threads = 1;              ///< 1: this thread runs the pass alone
  bool split_rows = false;      ///< each thread takes some rows through all columns, else some columns of all rows
  StageClock* clock = nullptr;  ///< this thread's; null: nothing is timed

  bool split_columns() const { return threads > 1 && !split_rows; }

  /// This thread's part of [0, total).
  Range share_of(int64_t total) const { return share(total, thread, threads); }

  /// The time since the last mark belongs to `stage`.
  void mark(Stage stage) const {
    if (clock != nullptr) clock->mark(stage);
  }

  /// Waits for all threads of the team.
  void barrier() const {
    if (threads == 1) return;
    pool->barrier();
    mark(Stage::kWaiting);
  }

  /// barrier() where columns are split: another thread made some columns of this thread's rows.
  void column_barrier(bool columns_are_split) const {
    if (columns_are_split) barrier();
  }
};

}  // namespace paceline
