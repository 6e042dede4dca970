#pragma once

#include "report/svg_canvas.h"

namespace paceline {

/// Draws a panel of rows into `area` (its bottom is not looked at), names before the bars, or above them where
/// `narrow`. Returns the y below.
double draw_rows(Canvas& canvas, const Panel& panel, const Box& area, bool narrow);

}  // namespace paceline
