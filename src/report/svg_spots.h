#pragma once

#include <vector>

#include "report/svg_canvas.h"
#include "report/svg_plot.h"

namespace paceline {

/// Points without lines, told apart by numbers: no name has to find room beside its point.

/// Horizontal lines with their names, the points with their intervals, and a number beside each.
void draw_spots(Canvas& canvas, const Plot& plot);

/// What the numbers are, a line for each.
double spot_list_width(const Panel& panel);
double spot_list_height(const Panel& panel);
void draw_spot_list(Canvas& canvas, const Panel& panel, double left, double top);

/// Where to write `count` numbers so that as little as possible is covered: what is `taken`, or each other. A number
/// belongs to the middle of the box of its place in `taken`, the first ones of those.
std::vector<Box> place_numbers(std::size_t count, std::vector<Box> taken, const Box& within);

}  // namespace paceline
