#pragma once

/// Marks what a shared library shows. Everything else is hidden.
#define PACELINE_EXPORT __attribute__((visibility("default")))
