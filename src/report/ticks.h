#pragma once

#include <string>
#include <vector>

namespace paceline {

/// A place on an axis and its label.
struct Tick {
  double value = 0;
  std::string label;
};

/// Where a value stands on an axis, 0 at `low` to 1 at `high`; logarithmic where `log` (then 0 < low < high).
struct Scale {
  double low = 0;
  double high = 1;
  bool log = false;

  double at(double value) const;
};

/// Ticks at multiples of 1, 2 or 5 times a power of ten that span [low, high]: the first at or below `low`, the last at
/// or above `high`, about `wanted` of them (between half and twice that).
/// A range without extent is widened; values that are not finite give the ticks of [0, 1].
std::vector<Tick> linear_ticks(double low, double high, int wanted);

/// Ticks at 1, 2, 5 times powers of ten that span [low, high], 0 < low <= high; powers of ten only where those are
/// many.
std::vector<Tick> log_ticks(double low, double high, int wanted);

/// An axis that starts at zero, or, where the largest value is more than ten times the smallest, a logarithmic one.
struct ValueAxis {
  Scale scale;
  std::vector<Tick> ticks;
};
ValueAxis value_axis(double smallest, double largest, int wanted);

}  // namespace paceline
