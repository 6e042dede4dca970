#pragma once

#include "kernels/kernels.h"
#include "network/network.h"

namespace paceline {

/// The epilogue that computes an activation.
Epilogue epilogue_of(Activation activation);

}  // namespace paceline
