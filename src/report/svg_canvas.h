#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "report/figure.h"

namespace paceline {

inline constexpr double kFont = 13;        // px; legible on a phone, where the narrow form is drawn at its own size
inline constexpr double kSmallFont = 12;   // px
inline constexpr double kLineHeight = 18;  // px
inline constexpr double kMarker = 4;       // px from its centre
inline constexpr double kHitRadius = 10;   // px around a point that show its value

/// Pixels that a text takes: a generous mean of sans-serif fonts. It places text, and never cuts it.
double text_width(std::string_view text, double font = kSmallFont);
/// As much of a text as fits into `width` pixels, with an ellipsis where something was cut.
std::string fitted(std::string_view text, double width);

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

enum class Anchor { kStart, kMiddle, kEnd };

/// Appends elements; knows colours and shapes, and nothing of charts.
class Canvas {
 public:
  explicit Canvas(bool page) : page_(page) {}

  std::string ink() const { return role("ink", "#1b2430"); }
  std::string muted() const { return role("muted", "#5a6675"); }
  std::string grid() const { return role("grid", "#e1e6ec"); }
  std::string surface() const { return role("surface", "#ffffff"); }
  std::string context() const { return role("context", "#c3ccd6"); }
  std::string color(int index) const;

  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  struct TextStyle {
    std::string fill;
    double font = kSmallFont;
    Anchor anchor = Anchor::kStart;
    bool bold = false;
    bool halo = false;  ///< the ground's colour around the letters: for text that stands on lines
  };
  void text(double x, double y, std::string_view text, const TextStyle& style);
  struct Segment {
    double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  };
  void line(const Segment& is, std::string_view stroke, double width = 1, bool dashed = false);

  /// What paints a mark.
  struct Paint {
    int color = kNeutralColor;
    Tone tone = Tone::kSolid;
  };
  /// The shape of a palette's place, so that colour is never the only difference.
  void marker(double x, double y, int shape, const Paint& paint);
  /// A horizontal bar.
  void bar(const Box& box, const Paint& paint);
  /// A 95 % interval, horizontal or vertical, with ends.
  void whisker(const Segment& is, std::string_view stroke);

  /// What shows a value: everything between the two calls.
  void begin_mark(std::string_view tooltip);
  void end_mark();

  std::string take() { return std::move(out_); }

 private:
  std::string role(std::string_view name, std::string_view light) const {
    return page_ ? fmt::format("var(--{})", name) : std::string(light);
  }

  bool page_;
  std::string out_;
};

}  // namespace paceline
