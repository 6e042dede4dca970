#pragma once

#include <filesystem>

namespace paceline {

/// Draws an SVG file as a PNG of twice its size with rsvg-convert, which is looked for in PATH. False where there is no
/// such program, it fails, or it takes longer than a minute; then there may be no `png`, or a broken one.
bool convert_to_png(const std::filesystem::path& svg, const std::filesystem::path& png);

}  // namespace paceline
