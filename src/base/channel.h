#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/function_ref.h"

namespace paceline {

/// Hands items from one thread to another, in order. Holds whatever is pushed: who wants a bound lets a fixed number of
/// items go round.
template <class T>
class Channel {
 public:
  void push(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }

  /// Waits for an item. None where the channel is closed and empty, or `go_on`, asked before and ten times a second,
  /// said no: so that neither side outlives an error or a stop of the other.
  std::optional<T> pop(FunctionRef<bool()> go_on) {
    constexpr std::chrono::milliseconds kBetweenQuestions(100);
    std::unique_lock lock(mutex_);
    while (go_on()) {
      if (!changed_.wait_for(lock, kBetweenQuestions, [this] { return closed_ || !items_.empty(); })) continue;
      if (items_.empty()) break;
      std::optional<T> item(std::move(items_.front()));
      items_.pop_front();
      return item;
    }
    return std::nullopt;
  }

  /// Nothing is pushed any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace paceline
