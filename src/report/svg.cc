#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "report/format.h"

namespace paceline {
namespace {

constexpr double kFont = 13;         // px; legible on a phone, where the narrow form is drawn at its own size
constexpr double kSmallFont = 12;    // px
constexpr double kLineHeight = 18;   // px
constexpr double kCharWidth = 0.57;  // em, a generous mean of sans-serif fonts; only places text, never cuts it
constexpr double kMarker = 4;        // px from its centre
constexpr double kHitRadius = 10;    // px around a point that show its value

/// Light, from a palette whose neighbours differ for the common kinds of colour blindness; shapes and labels repeat it.
constexpr std::array<std::string_view, kSvgColors> kSeries = {"#2a6fc9", "#d9541e", "#178a62",
                                                              "#8a4fc4", "#b07a00", "#c4336b"};

double text_width(std::string_view text, double font) { return kCharWidth * font * static_cast<double>(text.size()); }

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

enum class Anchor { kStart, kMiddle, kEnd };

/// Appends elements; knows colours and nothing of charts.
class Canvas {
 public:
  explicit Canvas(bool page) : page_(page) {}

  std::string role(std::string_view name, std::string_view light) const {
    return page_ ? fmt::format("var(--{})", name) : std::string(light);
  }
  std::string ink() const { return role("ink", "#1b2430"); }
  std::string muted() const { return role("muted", "#5a6675"); }
  std::string grid() const { return role("grid", "#e1e6ec"); }
  std::string surface() const { return role("surface", "#ffffff"); }
  std::string color(int index) const {
    if (index == kNeutralColor) return role("neutral", "#4c6785");
    if (index == kFaintColor) return role("faint", "#b4c3d3");
    const int slot = index % kSvgColors;
    return role(fmt::format("series-{}", slot + 1), kSeries[static_cast<std::size_t>(slot)]);
  }

  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  struct TextStyle {
    std::string fill;
    double font = kFont;
    Anchor anchor = Anchor::kStart;
    bool bold = false;
  };
  void text(double x, double y, std::string_view text, const TextStyle& style) {
    constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};
    add(R"(<text x="{:.1f}" y="{:.1f}" fill="{}" font-size="{}" text-anchor="{}"{}>{}</text>)", x, y, style.fill,
        style.font, kAnchors[static_cast<std::size_t>(style.anchor)], style.bold ? R"( font-weight="600")" : "",
        escape_markup(text));
  }
  struct Segment {
    double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  };
  void line(const Segment& is, std::string_view stroke, double width = 1, bool dashed = false) {
    add(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}"{}/>)", is.x1, is.y1,
        is.x2, is.y2, stroke, width, dashed ? R"( stroke-dasharray="6 4")" : "");
  }

  std::string take() { return std::move(out_); }

 private:
  bool page_;
  std::string out_;
};

/// The shape of a palette's place, so that colour is never the only difference.
void draw_marker(Canvas& canvas, double x, double y, int color) {
  const std::string paint =
      fmt::format(R"(fill="{}" stroke="{}" stroke-width="1")", canvas.color(color), canvas.surface());
  const double r = kMarker;
  switch (color % 5) {
    case 0:
      canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" {}/>)", x, y, r + 0.5, paint);
      break;
    case 1:
      canvas.add(R"(<rect x="{:.1f}" y="{:.1f}" width="{}" height="{}" {}/>)", x - r, y - r, 2 * r, 2 * r, paint);
      break;
    case 2:
      canvas.add(R"(<path d="M{:.1f} {:.1f}l{} {}h{}z" {}/>)", x, y - r - 1, r + 1, 2 * r + 1, -2 * (r + 1), paint);
      break;
    case 3:
      canvas.add(R"(<path d="M{:.1f} {:.1f}l{} {}l{} {}l{} {}z" {}/>)", x, y - r - 1.5, r + 1.5, r + 1.5, -r - 1.5,
                 r + 1.5, -r - 1.5, -r - 1.5, paint);
      break;
    default:
      canvas.add(R"(<path d="M{:.1f} {:.1f}l{} {}h{}z" {}/>)", x, y + r + 1, r + 1, -2 * r - 1, -2 * (r + 1), paint);
  }
}

void draw_swatch(Canvas& canvas, double x, double y, const LegendEntry& entry) {
  const std::string paint = entry.color < 0 ? canvas.muted() : canvas.color(entry.color);
  switch (entry.swatch) {
    case Swatch::kMarker:
      canvas.line({x, y, x + 22, y}, paint, 2);
      draw_marker(canvas, x + 11, y, entry.color);
      break;
    case Swatch::kSolid:
    case Swatch::kDashed:
      canvas.line({x, y, x + 22, y}, paint, 2, entry.swatch == Swatch::kDashed);
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
    const double width = kSwatchWidth + text_width(entry.label, kSmallFont) + kSpace;
    if (x > area.left && x + width - kSpace > area.right) {
      x = area.left;
      y += kLineHeight;
    }
    draw_swatch(canvas, x, y, entry);
    canvas.text(x + kSwatchWidth, y + 4, entry.label, {.fill = canvas.ink(), .font = kSmallFont});
    x += width;
  }
  return y + kLineHeight;
}

/// From a panel's axes to pixels.
struct Plot {
  const Panel& panel;
  Box box;
  double x(double value) const { return box.left + box.width() * panel.x.at(value); }
  double y(double value) const { return box.bottom - box.height() * panel.y.scale.at(value); }
  double floor() const { return box.bottom; }
};

void draw_axes(Canvas& canvas, const Plot& plot) {
  const Box& box = plot.box;
  for (const Tick& tick : plot.panel.y.ticks) {
    const double y = plot.y(tick.value);
    canvas.line({box.left, y, box.right, y}, canvas.grid());
    canvas.text(box.left - 8, y + 4, tick.label, {.fill = canvas.muted(), .font = kSmallFont, .anchor = Anchor::kEnd});
  }
  canvas.line({box.left, box.bottom, box.right, box.bottom}, canvas.muted());
  double last = -1e9;
  for (const Tick& tick : plot.panel.x_ticks) {
    const double x = plot.x(tick.value);
    canvas.line({x, box.bottom, x, box.bottom + 4}, canvas.muted());
    const double half = text_width(tick.label, kSmallFont) / 2;
    if (x - half < last + 3) continue;  // would touch the label before it
    last = x + half;
    canvas.text(x, box.bottom + 18, tick.label,
                {.fill = canvas.muted(), .font = kSmallFont, .anchor = Anchor::kMiddle});
  }
  canvas.text((box.left + box.right) / 2, box.bottom + 38, plot.panel.x_title,
              {.fill = canvas.muted(), .font = kSmallFont, .anchor = Anchor::kMiddle});
}

void draw_bars(Canvas& canvas, const Plot& plot) {
  for (const BarSeries& series : plot.panel.bars) {
    for (const Bar& bar : series.bars) {
      const double left = plot.x(bar.left) + 0.5, right = plot.x(bar.right) - 0.5, top = plot.y(bar.y);
      canvas.add(R"(<rect class="mark" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}">)"
                 R"(<title>{}</title></rect>)",
                 left, top, std::max(0.5, right - left), plot.floor() - top, canvas.color(series.color),
                 escape_markup(bar.tooltip));
      if (bar.label.empty() || text_width(bar.label, kSmallFont) > right - left + 4) continue;
      canvas.text((left + right) / 2, top - 4, bar.label,
                  {.fill = canvas.muted(), .font = kSmallFont, .anchor = Anchor::kMiddle});
    }
  }
}

void draw_rules(Canvas& canvas, const Plot& plot) {
  double row = plot.box.top + 10;
  for (const Rule& rule : plot.panel.rules) {
    const double x = plot.x(rule.x);
    canvas.line({x, plot.box.top, x, plot.floor()}, canvas.ink(), 1, true);
    const bool fits = x + 6 + text_width(rule.label, kSmallFont) < plot.box.right;
    canvas.text(fits ? x + 6 : x - 6, row, rule.label,
                {.fill = canvas.ink(), .font = kSmallFont, .anchor = fits ? Anchor::kStart : Anchor::kEnd});
    row += kLineHeight;  // the next one a row lower: rules close together do not overprint
  }
}

void draw_point(Canvas& canvas, const Plot& plot, const Point& point, int color) {
  const double x = plot.x(point.x), y = plot.y(point.y);
  canvas.add(R"(<g class="mark"><title>{}</title>)", escape_markup(point.tooltip));
  if (point.low < point.high) canvas.line({x, plot.y(point.low), x, plot.y(point.high)}, canvas.color(color), 1.5);
  draw_marker(canvas, x, y, color);
  canvas.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="transparent"/></g>)", x, y, kHitRadius);
}

void draw_lines(Canvas& canvas, const Plot& plot) {
  for (const Line& line : plot.panel.lines) {
    std::string points;
    for (const Point& point : line.points) points += fmt::format("{:.1f},{:.1f} ", plot.x(point.x), plot.y(point.y));
    if (!points.empty()) points.pop_back();
    canvas.add(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"{}/>)", points,
               canvas.color(line.color), line.dashed ? R"( stroke-dasharray="6 4")" : "");
  }
  for (const Line& line : plot.panel.lines) {
    for (const Point& point : line.points) draw_point(canvas, plot, point, line.color);
  }
}

/// Names beside the right ends of the lines, moved apart, each joined to its end by a hair.
void draw_line_labels(Canvas& canvas, const Plot& plot) {
  std::vector<std::pair<double, const Line*>> ends;
  for (const Line& line : plot.panel.lines) {
    if (!line.points.empty()) ends.emplace_back(plot.y(line.points.back().y), &line);
  }
  std::ranges::stable_sort(ends, {}, &std::pair<double, const Line*>::first);
  std::vector<double> wanted;
  for (const auto& [y, line] : ends) wanted.push_back(y);
  const std::vector<double> placed = spread(wanted, kSmallFont + 3, plot.box.top, plot.box.bottom);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const Line& line = *ends[i].second;
    const double end = plot.x(line.points.back().x), label = plot.box.right + 8;
    canvas.line({end + kMarker + 3, ends[i].first, label - 3, placed[i]}, canvas.color(line.color), 0.75);
    canvas.text(label, placed[i] + 4, line.label, {.fill = canvas.ink(), .font = kSmallFont});
  }
}

double label_width(const Panel& panel) {
  double width = 0;
  for (const Line& line : panel.lines) width = std::max(width, text_width(line.label, kSmallFont));
  return width;
}

struct PanelLayout {
  double plot_height = 0;
  bool line_labels = false;  ///< names beside the lines' ends
  bool legend_row = false;   ///< leave the row even where there is no legend: panels side by side stay level
};

/// Draws a panel into `area` (its bottom is not looked at). Returns the y below.
double draw_panel(Canvas& canvas, const Panel& panel, const Box& area, const PanelLayout& layout) {
  constexpr double kBelow = 48;  // tick labels and the axis' title
  canvas.text(area.left, area.top + 14, panel.title, {.fill = canvas.ink(), .font = kFont, .bold = true});
  double y = draw_legend(canvas, panel.legend, area, area.top + 24);
  if (panel.legend.empty() && layout.legend_row) y += kLineHeight;
  canvas.text(area.left, y + 12, panel.y_title, {.fill = canvas.muted(), .font = kSmallFont});
  y += 26;
  double ticks = 0;
  for (const Tick& tick : panel.y.ticks) ticks = std::max(ticks, text_width(tick.label, kSmallFont));
  const double right = area.right - (layout.line_labels ? label_width(panel) + 10 : 10);
  const Plot plot{panel, {area.left + ticks + 10, y, right, y + layout.plot_height}};
  draw_axes(canvas, plot);
  draw_bars(canvas, plot);
  draw_rules(canvas, plot);
  draw_lines(canvas, plot);
  if (layout.line_labels) draw_line_labels(canvas, plot);
  return plot.box.bottom + kBelow;
}

double draw_panels(Canvas& canvas, const Figure& figure, int width) {
  constexpr double kMargin = 8, kBetween = 28;
  const bool wide = width >= kSvgWide;
  const auto has_legend = [](const Panel& panel) { return !panel.legend.empty(); };
  const auto count = static_cast<double>(std::max<std::size_t>(1, figure.panels.size()));
  const double columns = wide ? count : 1;
  const double panel_width = (width - 2 * kMargin - (columns - 1) * kBetween) / columns;
  const PanelLayout layout{.plot_height = wide && columns == 1 ? 280.0 : 200.0,
                           .line_labels = wide,
                           .legend_row = columns > 1 && std::ranges::any_of(figure.panels, has_legend)};
  double left = kMargin, top = 4, bottom = 0;
  for (const Panel& panel : figure.panels) {
    const Box area{left, top, left + panel_width, 0};
    bottom = std::max(bottom, draw_panel(canvas, panel, area, layout));
    if (wide) {
      left += panel_width + kBetween;
    } else {
      top = bottom + kBetween / 2;
    }
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
  canvas.add(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{:.0f}" viewBox="0 0 {} {:.0f}" role="img")"
             R"( font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">)",
             options.width, height, options.width, height);
  canvas.add("<title>{}</title>", escape_markup(figure.title));
  canvas.add("<desc>{}</desc>", escape_markup(figure.description));
  if (!options.page) canvas.add(R"(<rect width="100%" height="100%" fill="#ffffff"/>)");
  return canvas.take() + body.take() + "</svg>\n";
}

}  // namespace paceline
