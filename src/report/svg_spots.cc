#include "report/svg_spots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace paceline {
namespace {

constexpr double kRing = 8;           // px from the marker's centre
constexpr double kNumberHeight = 12;  // px
constexpr double kListLine = 17;      // px
constexpr double kListMarker = 26;    // px from the list's left
constexpr double kListName = 38;      // px
constexpr double kNearNumber = 16;    // px from its point: further away a line joins the two

double shared_area(const Box& a, const Box& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

Box around(double x, double y, double width, double height) {
  return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
}

double middle_x(const Box& box) { return (box.left + box.right) / 2; }
double middle_y(const Box& box) { return (box.top + box.bottom) / 2; }

std::string number_of(std::size_t spot) { return fmt::format("{}", spot + 1); }

/// Markers, then intervals, then the names of levels.
std::vector<Box> taken_by(const Plot& plot) {
  std::vector<Box> taken;
  for (const Spot& spot : plot.panel.spots) {
    const double side = 2 * (spot.chosen ? kRing + 2 : kMarker + 2);
    taken.push_back(around(plot.x(spot.point.x), plot.y(spot.point.y), side, side));
  }
  for (const Spot& spot : plot.panel.spots) {
    const double x = plot.x(spot.point.x);
    taken.push_back({x - 1.5, plot.y(spot.point.high), x + 1.5, plot.y(spot.point.low)});
  }
  for (const Level& level : plot.panel.levels) {
    const double y = plot.y(level.y);
    taken.push_back({plot.box.right - text_width(level.label), y + 2, plot.box.right, y + 2 + kNumberHeight});
  }
  return taken;
}

void draw_level(Canvas& canvas, const Plot& plot, const Level& level) {
  const double y = plot.y(level.y);
  canvas.line({plot.box.left, y, plot.box.right, y}, level.label.empty() ? canvas.muted() : canvas.ink(), 1,
              !level.label.empty());
  canvas.text(plot.box.right, y + 13, level.label, {.fill = canvas.ink(), .anchor = Anchor::kEnd, .halo = true});
}

void draw_spot(Canvas& canvas, const Plot& plot, const Spot& spot) {
  const Point& point = spot.point;
  const double x = plot.x(point.x), y = plot.y(point.y);
  canvas.begin_mark(point.tooltip);
  if (point.low < point.high) canvas.whisker({x, plot.y(point.low), x, plot.y(point.high)}, canvas.color(spot.color));
  if (spot.chosen) {
    canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="none" stroke="{}" stroke-width="2"/>)", x, y, kRing,
               canvas.ink());
  }
  canvas.marker(x, y, spot.color, {spot.color, spot.tone});
  canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="transparent"/>)", x, y, kHitRadius);
  canvas.end_mark();
}

}  // namespace

std::vector<Box> place_numbers(std::size_t count, std::vector<Box> taken, const Box& within) {
  constexpr std::array kDistances{12.0, 16.0, 22.0, 29.0, 37.0, 46.0, 56.0, 70.0};  // px
  constexpr int kDirections = 12;
  constexpr double kCovered = 100;  // px of distance that a covered square pixel is worth
  std::vector<Box> placed;
  for (std::size_t spot = 0; spot < count; ++spot) {
    const double x = middle_x(taken[spot]), y = middle_y(taken[spot]);
    const double width = text_width(number_of(spot)) + 3;
    Box best;
    double least = INFINITY;
    for (const double distance : kDistances) {
      for (int direction = 0; direction < kDirections; ++direction) {
        // Right and above first.
        const double angle = (2.0 * direction / kDirections - 1.0 / 6) * std::numbers::pi;
        const Box box = around(x + distance * std::cos(angle), y - distance * std::sin(angle), width, kNumberHeight);
        if (box.left < within.left || box.right > within.right || box.top < within.top || box.bottom > within.bottom) {
          continue;
        }
        double cost = distance;
        for (const Box& other : taken) cost += kCovered * shared_area(box, other);
        if (cost < least) {
          least = cost;
          best = box;
        }
      }
    }
    taken.push_back(best);
    placed.push_back(best);
  }
  return placed;
}

void draw_spots(Canvas& canvas, const Plot& plot) {
  const std::vector<Spot>& spots = plot.panel.spots;
  for (const Level& level : plot.panel.levels) draw_level(canvas, plot, level);
  const std::vector<Box> places = place_numbers(spots.size(), taken_by(plot), plot.box);
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const double x = plot.x(spots[i].point.x), y = plot.y(spots[i].point.y);
    const double to_x = middle_x(places[i]), to_y = middle_y(places[i]);
    if (std::hypot(to_x - x, to_y - y) > kNearNumber) canvas.line({x, y, to_x, to_y}, canvas.muted(), 0.75);
  }
  for (const Spot& spot : spots) draw_spot(canvas, plot, spot);
  for (std::size_t i = 0; i < spots.size(); ++i) {
    canvas.text(middle_x(places[i]), middle_y(places[i]) + 4, number_of(i),
                {.fill = canvas.ink(), .anchor = Anchor::kMiddle, .halo = true});
  }
}

double spot_list_width(const Panel& panel) {
  double width = 0;
  for (const Spot& spot : panel.spots) width = std::max(width, text_width(spot.label));
  return kListName + width;
}

double spot_list_height(const Panel& panel) { return kListLine * static_cast<double>(panel.spots.size()); }

void draw_spot_list(Canvas& canvas, const Panel& panel, double left, double top) {
  double y = top + kListLine / 2;
  for (std::size_t i = 0; i < panel.spots.size(); ++i) {
    const Spot& spot = panel.spots[i];
    canvas.text(left + 14, y + 4, number_of(i), {.fill = canvas.ink(), .anchor = Anchor::kEnd});
    canvas.marker(left + kListMarker, y, spot.color, {spot.color, spot.tone});
    canvas.text(left + kListName, y + 4, spot.label, {.fill = canvas.ink()});
    y += kListLine;
  }
}

}  // namespace paceline
