#pragma once

#include <string>
#include <vector>

/// What Paceline's own backend has to reach, as data: docs/targets.md explains the figures.

namespace paceline {

/// A backend at a compute type.
struct Runner {
  std::string backend;
  std::string compute_type;

  std::string name() const { return backend + " " + compute_type; }
  friend auto operator<=>(const Runner&, const Runner&) = default;
};

/// A batch, or several that are run one after the other.
struct BatchShape {
  enum class Kind {
    kEqual,   ///< `texts` sequences of `tokens` each
    kMixed,   ///< two batches of `texts` of the demo's texts, in the order given
    kSorted,  ///< the same texts sorted by length, in batches of `texts`
  };
  Kind kind = Kind::kEqual;
  int texts = 1;
  int tokens = 0;  ///< of kEqual

  std::string name() const;  ///< "32x32", "mixed 64", "sorted 16"
  friend auto operator<=>(const BatchShape&, const BatchShape&) = default;
};

/// A figure that is measured in every round, required and hoped for.
struct Target {
  enum class Kind {
    kRoofShare,  ///< of `ours` on shapes.front()
    kRatio,      ///< time of `peer` over that of `ours` on shapes.front()
    kBestRatio,  ///< the same, each at the shape where it is fastest
  };
  Kind kind = Kind::kRatio;
  std::vector<BatchShape> shapes{};
  Runner ours{};
  Runner peer{};
  double required = 0;
  double stretch = 0;
};

/// The whole table but loading and memory.
std::vector<Target> all_targets();

/// Loading a checkpoint of 110M parameters from the page cache, and the most memory it takes over the weights as kept.
struct LoadTargets {
  double required_seconds = 0.5, stretch_seconds = 0.25;
  double required_memory = 1.15, stretch_memory = 1.15;  ///< no stretch is set
};

}  // namespace paceline
