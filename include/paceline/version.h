#pragma once

#include <string_view>

#include "paceline/export.h"

namespace paceline {

/// "0.1.0".
PACELINE_EXPORT std::string_view version();

/// Version, compiler and type of build, in one line.
PACELINE_EXPORT std::string_view build_id();

}  // namespace paceline
