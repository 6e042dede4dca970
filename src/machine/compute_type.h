#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "machine/machine.h"

namespace paceline {

/// What is known of one kind of arithmetic. Backends name theirs in the registry; one that computes in a new type adds
/// a row to compute_type.cc.
struct ComputeType {
  std::string_view name;         ///< "fp32"
  int64_t weight_bytes = 0;      ///< that one weight takes; 0: not one size for all
  double Roof::*roof = nullptr;  ///< what this CPU can reach at most, GFLOPS; null: not measured
  /// CPU flags, one of which makes it worth trying unasked. None: it runs anywhere.
  std::array<std::string_view, 2> cpu_flags{};
  /// Its logits have to be those of the oracle, but for rounding. Otherwise the labels have to agree.
  bool exact = false;
};

/// Null for a type without a row, such as that of a user's own file: nothing is known of it.
const ComputeType* find_compute_type(std::string_view name);

}  // namespace paceline
