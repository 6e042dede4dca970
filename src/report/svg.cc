#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/svg_canvas.h"
#include "report/svg_plot.h"
#include "report/svg_rows.h"
#include "report/svg_spots.h"
#include "words/markup.h"

namespace paceline {
namespace {

void draw_swatch(Canvas& canvas, double x, double y, const LegendEntry& entry) {
  const std::string paint = entry.color < 0 ? canvas.muted() : canvas.color(entry.color);
  switch (entry.swatch) {
    case Swatch::kMarker:
      canvas.line({x, y, x + 22, y}, paint, 2);
      canvas.marker(x + 11, y, entry.color, {entry.color, entry.tone});
      break;
    case Swatch::kShape:
      canvas.marker(x + 11, y, entry.color, {});
      break;
    case Swatch::kSolid:
    case Swatch::kDashed:
      canvas.line({x, y, x + 22, y}, paint, 2, entry.swatch == Swatch::kDashed);
      break;
    case Swatch::kContext:
      canvas.line({x, y, x + 22, y}, canvas.context(), 1.5);
      break;
    case Swatch::kBar:
      canvas.add(R"(<rect x="{:.1f}" y="{:.1f}" width="14" height="12" rx="2" fill="{}"/>)", x + 8, y - 6,
                 canvas.color(entry.color));
  }
}

/// Entries side by side, as many rows as they take. Returns the y below; without entries that is `top`.
double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& legend, const Box& area, double top) {
  constexpr double kSwatchWidth = 28, kSpace = 16;
  if (legend.empty()) return top;
  double x = area.left, y = top + kLineHeight / 2;
  for (const LegendEntry& entry : legend) {
    const double width = kSwatchWidth + text_width(entry.label) + kSpace;
    if (x > area.left && x + width - kSpace > area.right) {
      x = area.left;
      y += kLineHeight;
    }
    draw_swatch(canvas, x, y, entry);
    canvas.text(x + kSwatchWidth, y + 4, entry.label, {.fill = canvas.ink()});
    x += width;
  }
  return y + kLineHeight;
}

void draw_axes(Canvas& canvas, const Plot& plot) {
  const Box& box = plot.box;
  for (const Tick& tick : plot.panel.y.ticks) {
    const double y = plot.y(tick.value);
    canvas.line({box.left, y, box.right, y}, canvas.grid());
    canvas.text(box.left - 8, y + 4, tick.label, {.fill = canvas.muted(), .anchor = Anchor::kEnd});
  }
  canvas.line({box.left, box.bottom, box.right, box.bottom}, canvas.muted());
  double last = -1e9;
  for (const Tick& tick : plot.panel.x_ticks) {
    const double x = plot.x(tick.value);
    canvas.line({x, box.bottom, x, box.bottom + 4}, canvas.muted());
    const double half = text_width(tick.label) / 2;
    if (x - half < last + 6) continue;  // would touch the label before it
    last = x + half;
    canvas.text(x, box.bottom + 18, tick.label, {.fill = canvas.muted(), .anchor = Anchor::kMiddle});
  }
  canvas.text((box.left + box.right) / 2, box.bottom + 38, plot.panel.x_title,
              {.fill = canvas.muted(), .anchor = Anchor::kMiddle});
}

void draw_bars(Canvas& canvas, const Plot& plot) {
  for (const BarSeries& series : plot.panel.bars) {
    for (const Bar& bar : series.bars) {
      const double left = plot.x(bar.left) + 0.5, right = plot.x(bar.right) - 0.5, top = plot.y(bar.y);
      canvas.begin_mark(bar.tooltip);
      canvas.add(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>)", left, top,
                 std::max(0.5, right - left), std::max(0.5, plot.floor() - top), canvas.color(series.color));
      canvas.end_mark();
      if (bar.label.empty() || text_width(bar.label) > right - left + 4) continue;
      canvas.text((left + right) / 2, top - 4, bar.label, {.fill = canvas.muted(), .anchor = Anchor::kMiddle});
    }
  }
}

/// Labels of rules stand at the top of the plot, to the right of their lines; where the next line is too near, to the
/// left, and where the axis is too near as well, in a row of its own.
void draw_rules(Canvas& canvas, const Plot& plot) {
  const std::vector<Rule>& rules = plot.panel.rules;
  for (const Rule& rule : rules) {
    canvas.line({plot.x(rule.x), plot.box.top, plot.x(rule.x), plot.floor()}, canvas.ink(), 1, true);
  }
  double lower = plot.box.top + 10;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const double x = plot.x(rules[i].x), width = text_width(rules[i].label);
    const double next = i + 1 < rules.size() ? plot.x(rules[i + 1].x) : plot.box.right;
    const bool left = x + 6 + width >= next - 3 && x - 6 - width > plot.box.left;
    const bool crosses = x + 6 + width >= next - 3 && !left;
    const double y = crosses ? lower += kLineHeight : plot.box.top + 10;
    canvas.text(left ? x - 6 : x + 6, y, rules[i].label,
                {.fill = canvas.ink(), .anchor = left ? Anchor::kEnd : Anchor::kStart, .halo = true});
  }
}

void draw_point(Canvas& canvas, const Plot& plot, const Point& point, const Canvas::Paint& paint) {
  const double x = plot.x(point.x), y = plot.y(point.y);
  canvas.begin_mark(point.tooltip);
  if (point.low < point.high) {
    canvas.line({x, plot.y(point.low), x, plot.y(point.high)}, canvas.color(paint.color), 1.5);
  }
  canvas.marker(x, y, paint.color, paint);
  canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="transparent"/>)", x, y, kHitRadius);
  canvas.end_mark();
}

void draw_polyline(Canvas& canvas, const Plot& plot, const Line& line) {
  std::string points;
  for (const Point& point : line.points) points += fmt::format("{:.1f},{:.1f} ", plot.x(point.x), plot.y(point.y));
  if (!points.empty()) points.pop_back();
  canvas.add(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linejoin="round"{}/>)", points,
             line.context ? canvas.context() : canvas.color(line.color), line.context ? 1 : 2,
             line.dashed ? R"( stroke-dasharray="6 4")" : "");
}

void draw_lines(Canvas& canvas, const Plot& plot) {
  for (const bool context : {true, false}) {
    for (const Line& line : plot.panel.lines) {
      if (line.context == context) draw_polyline(canvas, plot, line);
    }
  }
  for (const Line& line : plot.panel.lines) {
    if (line.context || line.bare) continue;
    for (const Point& point : line.points) draw_point(canvas, plot, point, {line.color, line.tone});
  }
}

/// Names beside the right ends of the lines, moved apart, each joined to its end by a hair.
void draw_line_labels(Canvas& canvas, const Plot& plot) {
  std::vector<std::pair<double, const Line*>> ends;
  for (const Line& line : plot.panel.lines) {
    if (!line.points.empty() && !line.context) ends.emplace_back(plot.y(line.points.back().y), &line);
  }
  std::ranges::stable_sort(ends, {}, &std::pair<double, const Line*>::first);
  std::vector<double> wanted;
  for (const auto& [y, line] : ends) wanted.push_back(y);
  const std::vector<double> placed = spread(wanted, kSmallFont + 3, plot.box.top, plot.box.bottom);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const Line& line = *ends[i].second;
    const double end = plot.x(line.points.back().x), label = plot.box.right + 8;
    canvas.line({end + kMarker + 3, ends[i].first, label - 3, placed[i]}, canvas.color(line.color), 0.75);
    canvas.text(label, placed[i] + 4, line.label, {.fill = canvas.ink()});
  }
}

double label_width(const Panel& panel) {
  double width = 0;
  for (const Line& line : panel.lines) width = std::max(width, line.context ? 0 : text_width(line.label));
  return width;
}

struct PanelLayout {
  double plot_height = 0;
  bool narrow = false;
  bool line_labels = false;  ///< names beside the lines' ends
  bool legend_row = false;   ///< leave the row even where there is no legend: panels side by side stay level
};

/// A panel of points, with its list at the right or, where it is narrow, below. Returns the y below the axis.
double draw_spot_panel(Canvas& canvas, const Panel& panel, const Box& area, const PanelLayout& layout) {
  const bool beside = layout.line_labels;
  const double list = spot_list_height(panel);
  const double right = area.right - (beside ? spot_list_width(panel) + 14 : 10);
  const double height = beside ? std::max(layout.plot_height, list) : layout.plot_height;
  const Plot plot{panel, {area.left, area.top, right, area.top + height}};
  draw_axes(canvas, plot);
  draw_lines(canvas, plot);
  draw_spots(canvas, plot);
  if (beside) {
    draw_spot_list(canvas, panel, right + 14, area.top);
    return plot.box.bottom;
  }
  constexpr double kAxis = 52;  // tick labels and the axis' title
  draw_spot_list(canvas, panel, 8, plot.box.bottom + kAxis);
  return plot.box.bottom + list + kAxis / 2;
}

/// A bold letter of the larger font over a plain one of the smaller.
constexpr double kBoldWidth = 1.2;

/// Draws a panel into `area` (its bottom is not looked at). Returns the y below.
double draw_panel(Canvas& canvas, const Panel& panel, const Box& area, const PanelLayout& layout) {
  const double below = panel.x_title.empty() ? 28 : 48;  // tick labels and the axis' title
  canvas.text(area.left, area.top + 14, fitted(panel.title, area.width() / kBoldWidth),
              {.fill = canvas.ink(), .font = kFont, .bold = true});
  const bool named = layout.line_labels && panel.labels_suffice;
  double y = draw_legend(canvas, named ? std::vector<LegendEntry>() : panel.legend, area, area.top + 24);
  if (panel.legend.empty() && layout.legend_row) y += 1.5 * kLineHeight;
  if (!panel.rows.empty()) return draw_rows(canvas, panel, {area.left, y + 4, area.right, 0}, layout.narrow);
  if (!panel.y_title.empty()) {
    canvas.text(area.left, y + 12, panel.y_title, {.fill = canvas.muted()});
    y += 18;
  }
  y += 8;
  double ticks = 0;
  for (const Tick& tick : panel.y.ticks) ticks = std::max(ticks, text_width(tick.label));
  const double left = area.left + ticks + 10;
  if (!panel.spots.empty()) return draw_spot_panel(canvas, panel, {left, y, area.right, 0}, layout) + below;
  const double right = area.right - (layout.line_labels ? label_width(panel) + 10 : 10);
  const Plot plot{panel, {left, y, right, y + layout.plot_height}};
  draw_axes(canvas, plot);
  draw_bars(canvas, plot);
  draw_lines(canvas, plot);
  draw_rules(canvas, plot);
  if (layout.line_labels) draw_line_labels(canvas, plot);
  return plot.box.bottom + below;
}

std::size_t columns_of(const Figure& figure, bool wide) {
  const std::size_t count = std::max<std::size_t>(1, figure.panels.size());
  if (figure.small_multiples) return std::min<std::size_t>(count, wide ? 3 : 2);
  return wide ? count : 1;
}

PanelLayout layout_of(const Figure& figure, std::size_t columns, bool wide) {
  PanelLayout layout{.plot_height = 200, .narrow = !wide};
  if (wide && columns == 1) layout.plot_height = 280;
  if (figure.small_multiples) layout.plot_height = wide ? 130 : 110;
  layout.line_labels = wide && columns == 1;
  layout.legend_row =
      columns > 1 && std::ranges::any_of(figure.panels, [](const Panel& panel) { return !panel.legend.empty(); });
  return layout;
}

double draw_panels(Canvas& canvas, const Figure& figure, int width) {
  constexpr double kMargin = 8;
  const bool wide = width >= kSvgWide;
  const std::size_t columns = columns_of(figure, wide);
  const double between = wide ? 28 : 14;
  const PanelLayout layout = layout_of(figure, columns, wide);
  const double panel_width =
      (width - 2 * kMargin - static_cast<double>(columns - 1) * between) / static_cast<double>(columns);
  double top = 4, bottom = 0;
  if (figure.panels.size() > 1) {
    canvas.text(kMargin, top + 16, figure.title, {.fill = canvas.ink(), .font = kFont + 1, .bold = true});
    if (!figure.subtitle.empty()) {
      canvas.text(kMargin, top + 36, figure.subtitle, {.fill = canvas.muted()});
      top += kLineHeight;
    }
    top = draw_legend(canvas, figure.legend, {kMargin, 0, width - kMargin, 0}, top + 28) + 6;
  }
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const std::size_t column = i % columns;
    if (column == 0 && i > 0) top = bottom + between / 2;
    const double left = kMargin + static_cast<double>(column) * (panel_width + between);
    bottom = std::max(bottom, draw_panel(canvas, figure.panels[i], {left, top, left + panel_width, 0}, layout));
  }
  return bottom;
}

}  // namespace

std::vector<double> spread(const std::vector<double>& wanted, double gap, double low, double high) {
  // Pushed down and pushed up keep the gap each; so does their mean, which moves clusters to both sides alike.
  std::vector<double> down = wanted, up = wanted;
  for (std::size_t i = 1; i < wanted.size(); ++i) down[i] = std::max(down[i], down[i - 1] + gap);
  for (std::size_t i = wanted.size(); i-- > 1;) up[i - 1] = std::min(up[i - 1], up[i] - gap);
  std::vector<double> placed(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) placed[i] = (down[i] + up[i]) / 2;
  for (std::size_t i = placed.size(); i-- > 0;) {
    placed[i] = std::min(placed[i], high - gap * static_cast<double>(placed.size() - 1 - i));
  }
  for (std::size_t i = 0; i < placed.size(); ++i) placed[i] = std::max(placed[i], low + gap * static_cast<double>(i));
  return placed;
}

std::string render_svg(const Figure& figure, const SvgOptions& options) {
  Canvas body(options.page);
  const double height = draw_panels(body, figure, options.width);
  Canvas canvas(options.page);
  if (!options.page) canvas.add(R"(<?xml version="1.0" encoding="UTF-8"?>)");
  canvas.add(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{:.0f}" viewBox="0 0 {} {:.0f}")"
      R"( font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" {}>)",
      options.width, height, options.width, height,
      // A title element would show over every blank part of a page's chart.
      options.page ? fmt::format(R"(role="group" aria-label="{}")", escape_markup(figure.title)) : R"(role="img")");
  if (!options.page) {
    canvas.add("<title>{}</title>", escape_markup(figure.title));
    canvas.add("<desc>{}</desc>", escape_markup(figure.description));
    canvas.add(R"(<rect width="100%" height="100%" fill="#ffffff"/>)");
  }
  return canvas.take() + body.take() + "</svg>\n";
}

}  // namespace paceline
