#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/function_ref.h"

namespace paceline {

/// Hands items from one thread to another, in order. The item popped last counts as held until the next pop, so that
/// those waiting and the one in work are never more than the capacity, whichever side is faster.
///
/// A waiting side asks its `go_on` ten times a second and gives up once that says no, so that neither outlives an error
/// or a stop of the other.
template <class T>
class BoundedQueue {
 public:
  /// `capacity` >= 1: items held at most, one of them in work.
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// For a side that pushes alone: the next push will find room. False where `go_on` said no.
  bool wait_for_room(FunctionRef<bool()> go_on) {
    std::unique_lock lock(mutex_);
    return wait(lock, go_on, [this] { return has_room(); });
  }

  /// Waits for room. False, and the item is dropped, where `go_on` said no.
  bool push(T item, FunctionRef<bool()> go_on) {
    std::unique_lock lock(mutex_);
    if (!wait(lock, go_on, [this] { return has_room(); })) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  /// Done with the last item; waits for the next. None where the queue is closed and empty, or `go_on` said no.
  std::optional<T> pop(FunctionRef<bool()> go_on) {
    std::unique_lock lock(mutex_);
    in_work_ = 0;
    changed_.notify_all();
    if (!wait(lock, go_on, [this] { return closed_ || !items_.empty(); }) || items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    in_work_ = 1;
    return item;
  }

  /// Nothing is pushed any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  bool has_room() const { return items_.size() + in_work_ < capacity_; }

  template <class Ready>
  bool wait(std::unique_lock<std::mutex>& lock, FunctionRef<bool()> go_on, Ready ready) {
    constexpr std::chrono::milliseconds kBetweenQuestions(100);
    while (go_on()) {
      if (changed_.wait_for(lock, kBetweenQuestions, ready)) return true;
    }
    return false;
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  std::size_t in_work_ = 0;
  bool closed_ = false;
};

}  // namespace paceline
