#pragma once

/// Marks what leaves a shared library; everything else is built hidden.
#define PACELINE_EXPORT __attribute__((visibility("default")))
