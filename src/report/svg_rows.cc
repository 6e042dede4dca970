#include "report/svg_rows.h"

#include <algorithm>

namespace paceline {
namespace {

constexpr double kBar = 14;            // px
constexpr double kRowHeight = 26;      // px
constexpr double kTallRowHeight = 40;  // px: the name above its bar

/// Where things are.
struct RowsLayout {
  double name = 0;             ///< x of the names
  double left = 0, right = 0;  ///< of the bars' axis
  double row_height = 0;
  double bar_offset = 0;  ///< from a row's top to its bar's
};

double x_of(const Panel& panel, const RowsLayout& is, double value) {
  return is.left + (is.right - is.left) * std::clamp(panel.x.at(value), 0.0, 1.0);
}

/// Names that take half of the panel stand above their bars: cut off, two of them could look alike.
bool names_fit_beside(const Panel& panel, const Box& area) {
  return std::ranges::all_of(panel.rows,
                             [&](const FigureRow& row) { return text_width(row.label) <= area.width() * 0.45; });
}

RowsLayout lay_out(const Panel& panel, const Box& area, bool narrow) {
  double names = 0, values = 0;
  for (const FigureRow& row : panel.rows) {
    names = std::max(names, text_width(row.label));
    values = std::max(values, text_width(row.value_label));
  }
  RowsLayout is{.name = area.left, .left = area.left, .right = area.right - values - 14};
  is.row_height = narrow ? kTallRowHeight : kRowHeight;
  is.bar_offset = narrow ? kTallRowHeight - kBar - 6 : (kRowHeight - kBar) / 2;
  if (!narrow) is.left += names + 10;
  if (is.left + 40 > is.right) is.right = area.right - 10;
  return is;
}

void draw_bar(Canvas& canvas, const Panel& panel, const FigureRow& row, const RowsLayout& is, double top) {
  const double end = x_of(panel, is, row.value), middle = top + kBar / 2;
  canvas.begin_mark(row.tooltip);
  canvas.bar({is.left, top, std::max(is.left + 1, end), top + kBar}, {row.color, row.tone});
  double label = end;
  if (row.low < row.high) {
    const double low = x_of(panel, is, row.low), high = x_of(panel, is, row.high);
    // An interval narrower than its own line says nothing that the text does not.
    if (high - low > 3) {
      canvas.whisker({low, middle, high, middle}, canvas.ink());
      label = std::max(label, high);
    }
  }
  canvas.text(label + 7, middle + 4, row.value_label, {.fill = canvas.ink(), .halo = true});
  canvas.end_mark();
}

void draw_dots(Canvas& canvas, const Panel& panel, const FigureRow& row, const RowsLayout& is, double top) {
  const double middle = top + kBar / 2;
  const double first = x_of(panel, is, row.points.front().x), last = x_of(panel, is, row.points.back().x);
  canvas.line({first, middle, last, middle}, canvas.color(row.color), 2);
  for (std::size_t i = 0; i < row.points.size(); ++i) {
    const double x = x_of(panel, is, row.points[i].x);
    canvas.begin_mark(row.points[i].tooltip);
    canvas.marker(x, middle, static_cast<int>(i), {row.color, row.tone});
    canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="transparent"/>)", x, middle, kHitRadius);
    canvas.end_mark();
  }
  canvas.text(last + 9, middle + 4, row.value_label, {.fill = canvas.ink(), .halo = true});
}

/// The least step at which no label touches the next: every tick has one, or every second, ...
std::size_t label_step(const Panel& panel, const RowsLayout& is) {
  constexpr double kGap = 6;  // px
  const auto fits = [&](std::size_t step) {
    for (std::size_t i = step; i < panel.x_ticks.size(); i += step) {
      const Tick &one = panel.x_ticks[i - step], &next = panel.x_ticks[i];
      const double needed = (text_width(one.label) + text_width(next.label)) / 2 + kGap;
      if (x_of(panel, is, next.value) - x_of(panel, is, one.value) < needed) return false;
    }
    return true;
  };
  std::size_t step = 1;
  while (!fits(step)) ++step;
  return step;
}

void draw_axis(Canvas& canvas, const Panel& panel, const RowsLayout& is, const Box& plot) {
  const std::size_t step = label_step(panel, is);
  for (std::size_t i = 0; i < panel.x_ticks.size(); ++i) {
    const Tick& tick = panel.x_ticks[i];
    const double x = x_of(panel, is, tick.value), half = text_width(tick.label) / 2;
    canvas.line({x, plot.top, x, plot.bottom}, canvas.grid());
    if (i % step != 0) continue;
    // The axis of a narrow panel begins at the edge of the picture.
    canvas.text(std::max(x, is.name + half), plot.bottom + 16, tick.label,
                {.fill = canvas.muted(), .anchor = Anchor::kMiddle});
  }
  canvas.line({is.left, plot.top, is.left, plot.bottom}, canvas.muted());
  canvas.text(is.left, plot.bottom + 34, panel.x_title, {.fill = canvas.muted()});
}

}  // namespace

double draw_rows(Canvas& canvas, const Panel& panel, const Box& area, bool narrow_page) {
  const bool narrow = narrow_page || !names_fit_beside(panel, area);
  constexpr double kBelow = 44;  // tick labels and the axis' title
  const RowsLayout is = lay_out(panel, area, narrow);
  const double bottom = area.top + is.row_height * static_cast<double>(panel.rows.size());
  draw_axis(canvas, panel, is, {is.left, area.top, is.right, bottom});
  for (const Rule& rule : panel.rules) {
    const double x = x_of(panel, is, rule.x);
    canvas.line({x, area.top, x, bottom}, canvas.ink(), 1, true);
  }
  double top = area.top;
  for (const FigureRow& row : panel.rows) {
    const double baseline = narrow ? top + 14 : top + kRowHeight / 2 + 4;
    const double room = narrow ? area.width() : is.left - is.name - 8;
    canvas.text(is.name, baseline, fitted(row.label, room), {.fill = canvas.ink(), .halo = narrow});
    if (row.points.empty()) {
      draw_bar(canvas, panel, row, is, top + is.bar_offset);
    } else {
      draw_dots(canvas, panel, row, is, top + is.bar_offset);
    }
    top += is.row_height;
  }
  return bottom + kBelow;
}

}  // namespace paceline
