#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "batch/batch_planner.h"

namespace paceline {

/// Orders as files name them.
inline constexpr std::array<std::pair<Order, std::string_view>, 2> kOrderNames{
    {{Order::kInput, "input"}, {Order::kLength, "length"}}};

}  // namespace paceline
