#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paceline {

/// A number and its noun in the singular or the plural: "1 text", "1,000 texts", "2 batches".
std::string counted(int64_t count, std::string_view noun);

}  // namespace paceline
