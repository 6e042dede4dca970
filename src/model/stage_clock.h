#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace paceline {

/// The parts of a forward pass that are timed apart.
enum class Stage : uint8_t {
  kEmbedding,        ///< table rows added up
  kQueryKeyValue,    ///< one product
  kAttention,        ///< scores, softmax, mixing
  kAttentionOutput,  ///< product, residual
  kUp,               ///< product, activation
  kDown,             ///< product, residual
  kLayerNorm,        ///< and rounding what it stores
  kRounding,         ///< fp32 rows to another number type, where nothing else does it on the way
  kPooledAttention,  ///< of the last block, for the pooled rows
  kHead,
  kWaiting,  ///< for other threads
};
constexpr std::size_t kStages = 11;

std::string_view stage_name(Stage stage);

/// What one thread's time goes into.
class StageClock {
 public:
  /// Time from here on belongs to the stage that is marked next.
  void begin() { last_ = Clock::now(); }
  void mark(Stage stage) {
    const Clock::time_point now = Clock::now();
    seconds_[static_cast<std::size_t>(stage)] += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }
  double seconds(Stage stage) const { return seconds_[static_cast<std::size_t>(stage)]; }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point last_{};
  std::array<double, kStages> seconds_{};
};

/// One run on all threads, taken apart.
struct StageTimes {
  double seconds = 0;  ///< from call to return
  int32_t threads = 1;
  /// Of all threads together, by Stage: they add up to seconds x threads. kWaiting holds what is in no stage: waking
  /// up, and waiting for the last one.
  std::array<double, kStages> thread_seconds{};
};

/// `clocks`: one for each thread.
StageTimes add_up(std::span<const StageClock> clocks, double seconds);

}  // namespace paceline
