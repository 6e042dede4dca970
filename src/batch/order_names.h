#pragma once

#include "base/enum_names.h"
#include "batch/batch_planner.h"

namespace paceline {

/// Orders as files name them.
inline constexpr EnumNames<Order, 2> kOrderNames{{{Order::kInput, "input"}, {Order::kLength, "length"}}};

}  // namespace paceline
