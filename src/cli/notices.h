#pragma once

#include <memory>
#include <string>

#include "base/progress.h"

namespace paceline {

/// Stands wherever a label of such a checkpoint appears.
inline constexpr const char* kRandomWeightsNotice =
    "the weights of this checkpoint are random: its labels mean nothing, only its speed does.";

/// On standard error, or none with --quiet.
std::unique_ptr<Progress> make_progress(bool quiet, std::string title, std::string unit);

/// "12,345".
std::string grouped(int64_t value);

}  // namespace paceline
