#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace paceline {

inline constexpr uint64_t kRandomStep = 0x9E3779B97F4A7C15U;

inline uint64_t mixed_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/// The number that Random(seed) gives at this place, from 0 on, without those before it.
inline uint64_t random_at(uint64_t seed, uint64_t place) { return mixed_bits(seed + (place + 1) * kRandomStep); }

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): integer arithmetic
/// only, so a seed gives the same numbers on every platform and with every standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += kRandomStep;
    return mixed_bits(state_);
  }

  /// Uniform in [0, count), count > 0; numbers that would favour small results are drawn again.
  uint64_t below(uint64_t count) {
    const uint64_t unusable = (0 - count) % count;  // 2^64 mod count
    uint64_t number = next();
    while (number < unusable) number = next();
    return number % count;
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace paceline
