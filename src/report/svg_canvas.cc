#include "report/svg_canvas.h"

#include <algorithm>
#include <array>

#include "report/svg.h"
#include "words/markup.h"
#include "words/utf8.h"

namespace paceline {
namespace {

constexpr double kCharWidth = 0.57;  // em
constexpr int kShapes = 5;

/// Light, from a palette whose neighbours differ for the common kinds of colour blindness; shapes and labels repeat it.
constexpr std::array<std::string_view, kSvgColors> kSeries = {"#2a6fc9", "#d04a12", "#178a62", "#8a4fc4",
                                                              "#a06c00", "#c4336b", "#0b7d93", "#6f5b45",
                                                              "#14295e", "#7a1f1f", "#7f8f00", "#d98ad0"};

}  // namespace

double text_width(std::string_view text, double font) {
  return kCharWidth * font * static_cast<double>(count_characters(text));
}

std::string fitted(std::string_view text, double width) {
  std::string out(text);
  while (!out.empty() && text_width(out) > width) {
    const std::string_view kEllipsis = "\xE2\x80\xA6";
    if (out.ends_with(kEllipsis)) out.resize(out.size() - kEllipsis.size());
    while (!out.empty() && continues_character(out.back())) out.pop_back();
    if (!out.empty()) out.pop_back();
    out += kEllipsis;
    if (out == kEllipsis) break;
  }
  return out;
}

std::string Canvas::color(int index) const {
  if (index == kNeutralColor) return role("neutral", "#4c6785");
  if (index == kFaintColor) return role("faint", "#7f91a5");
  const int slot = index % kSvgColors;
  return role(fmt::format("series-{}", slot + 1), kSeries[static_cast<std::size_t>(slot)]);
}

void Canvas::text(double x, double y, std::string_view text, const TextStyle& style) {
  constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};
  const std::string halo =
      style.halo
          ? fmt::format(R"( stroke="{}" stroke-width="4" paint-order="stroke" stroke-linejoin="round")", surface())
          : "";
  add(R"(<text x="{:.1f}" y="{:.1f}" fill="{}" font-size="{}"{}{}{}>{}</text>)", x, y, style.fill, style.font,
      style.anchor == Anchor::kStart
          ? ""
          : fmt::format(R"( text-anchor="{}")", kAnchors[static_cast<std::size_t>(style.anchor)]),
      style.bold ? R"( font-weight="600")" : "", halo, escape_markup(text));
}

void Canvas::line(const Segment& is, std::string_view stroke, double width, bool dashed) {
  add(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}"{}/>)", is.x1, is.y1, is.x2,
      is.y2, stroke, width, dashed ? R"( stroke-dasharray="6 4")" : "");
}

void Canvas::marker(double x, double y, int shape, const Paint& is) {
  const std::string paint = color(is.color);
  const bool open = is.tone == Tone::kHollow || is.tone == Tone::kBarred;
  const double r = open ? kMarker - 0.5 : kMarker;  // its line reaches outside
  const std::string style = open ? fmt::format(R"(fill="{}" stroke="{}" stroke-width="1.5")", surface(), paint)
                                 : fmt::format(R"(fill="{}" stroke="{}" stroke-width="1")", paint,
                                               is.tone == Tone::kPale ? paint : surface()) +
                                       (is.tone == Tone::kPale ? R"( fill-opacity="0.4")" : "");
  switch (shape % kShapes) {
    case 0:
      add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" {}/>)", x, y, r + 0.5, style);
      break;
    case 1:
      add(R"(<rect x="{:.1f}" y="{:.1f}" width="{}" height="{}" {}/>)", x - r, y - r, 2 * r, 2 * r, style);
      break;
    case 2:
      add(R"(<path d="M{:.1f} {:.1f}l{} {}h{}z" {}/>)", x, y - r - 1, r + 1, 2 * r + 1, -2 * (r + 1), style);
      break;
    case 3:
      add(R"(<path d="M{:.1f} {:.1f}l{} {}l{} {}l{} {}z" {}/>)", x, y - r - 1.5, r + 1.5, r + 1.5, -r - 1.5, r + 1.5,
          -r - 1.5, -r - 1.5, style);
      break;
    default:
      add(R"(<path d="M{:.1f} {:.1f}l{} {}h{}z" {}/>)", x, y + r + 1, r + 1, -2 * r - 1, -2 * (r + 1), style);
  }
  const bool dotted = is.tone == Tone::kStriped || is.tone == Tone::kBarred;
  if (dotted) {
    add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="1.5" fill="{}"/>)", x, y + (shape % kShapes == 2 ? 1.0 : 0.0),
        is.tone == Tone::kBarred ? paint : surface());
  }
}

void Canvas::bar(const Box& box, const Paint& is) {
  const std::string paint = color(is.color);
  const bool open = is.tone == Tone::kHollow || is.tone == Tone::kBarred;
  const double inset = open ? 0.75 : 0;  // its line stays inside
  add(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="2" fill="{}"{}/>)", box.left + inset,
      box.top + inset, std::max(1.0, box.width() - 2 * inset), box.height() - 2 * inset, paint,
      open                     ? fmt::format(R"( fill-opacity="0.25" stroke="{}" stroke-width="1.5")", paint)
      : is.tone == Tone::kPale ? R"( fill-opacity="0.5")"
                               : "");
  if (is.tone != Tone::kStriped && is.tone != Tone::kBarred) return;
  // Drawn rather than a pattern: those are lost where the page hides the other form of the chart.
  constexpr double kEvery = 7;
  const double slant = is.tone == Tone::kStriped ? box.height() : 0;
  std::string stripes;
  for (double x = box.left + 4; x + slant < box.right - 1; x += kEvery) {
    stripes += fmt::format("M{:.1f} {:.1f}l{} {}", x, box.bottom, slant, -box.height());
  }
  if (!stripes.empty()) {
    add(R"(<path d="{}" stroke="{}" stroke-width="1.5"/>)", stripes, is.tone == Tone::kBarred ? paint : surface());
  }
}

void Canvas::whisker(const Segment& is, std::string_view stroke) {
  constexpr double kEnd = 3;
  line(is, stroke, 1.5);
  const double across_x = is.x1 == is.x2 ? kEnd : 0, across_y = is.x1 == is.x2 ? 0 : kEnd;
  line({is.x1 - across_x, is.y1 - across_y, is.x1 + across_x, is.y1 + across_y}, stroke, 1.5);
  line({is.x2 - across_x, is.y2 - across_y, is.x2 + across_x, is.y2 + across_y}, stroke, 1.5);
}

void Canvas::begin_mark(std::string_view tooltip) {
  add(R"(<g class="mark"><title>{}</title>)", escape_markup(tooltip));
}

void Canvas::end_mark() { add("</g>"); }

}  // namespace paceline
