#pragma once

#include <cstdint>
#include <span>

namespace paceline {

/// Of more labels than these nothing is kept for each pair of a text and a label, or of two labels: their number would
/// grow with the product. What is kept instead says so where it stands.
inline constexpr int32_t kManyLabels = 256;

/// One label over some texts.
struct LabelCounts {
  int64_t expected = 0;   ///< texts that have it
  int64_t predicted = 0;  ///< texts that were given it
  int64_t right = 0;      ///< texts that have it and were given it

  /// Share of the predictions that are right; 0 where there is none.
  double precision() const { return ratio(right, predicted); }
  /// Share of the texts with this label that were found; 0 where there is none.
  double recall() const { return ratio(right, expected); }
  /// The harmonic mean of the two, 2 right / (expected + predicted); 0 where the label does not occur.
  double f1() const { return ratio(2 * right, expected + predicted); }
  bool occurs() const { return expected + predicted > 0; }

 private:
  static double ratio(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

/// Which labels a mean over labels is taken of.
enum class MeanOver {
  kOccurring,  ///< those that are expected or predicted at least once, as scikit-learn has it for a single label
  kAll         ///< all; one that does not occur counts 0, as scikit-learn has it for several labels
};

/// Mean of the labels' F1; 0 where there is no label to take.
double macro_f1(std::span<const LabelCounts> labels, MeanOver over);

/// F1 of all labels' counts together.
double micro_f1(std::span<const LabelCounts> labels);

}  // namespace paceline
