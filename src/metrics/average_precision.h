#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paceline {

/// Average precision of one label: the texts by falling score, precision at each score that occurs, weighted by the
/// recall gained there; texts of one score count together. (sum over n of (R_n - R_(n-1)) P_n, as scikit-learn has it.)
class AveragePrecision {
 public:
  /// `scores` and `expected` (0 or 1) of each text.
  AveragePrecision(std::span<const float> scores, std::span<const uint8_t> expected);
  /// Of the texts, each as often as it was drawn. None where no text has the label.
  std::optional<double> of(std::span<const uint32_t> drawn) const;

 private:
  struct Place {
    uint32_t text = 0;
    bool expected = false;
    bool last_of_score = false;
  };
  std::vector<Place> order_;
};

}  // namespace paceline
