#pragma once

#include "report/figure.h"
#include "report/svg_canvas.h"

namespace paceline {

/// From a panel's axes to pixels.
struct Plot {
  const Panel& panel;
  Box box;
  double x(double value) const { return box.left + box.width() * panel.x.at(value); }
  double y(double value) const { return box.bottom - box.height() * panel.y.scale.at(value); }
  double floor() const { return box.bottom; }
};

}  // namespace paceline
