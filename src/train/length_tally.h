#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "evaluate/expected_labels.h"
#include "results/training.h"

namespace paceline {

/// Finds out how far the length of a text tells its label. Of labels it is eta^2, the share of the variance of lengths
/// that the labels explain (of several labels a text, that of the label with the largest one); of a regression
/// Spearman's rank correlation.
class LengthTally {
 public:
  LengthTally(ProblemType type, int32_t labels);

  /// A text of so many tokens, and what is expected of it.
  void add(int64_t tokens, const Expected& expected);
  /// `names` of the labels.
  LengthRelation finish(const std::vector<std::string>& names) const;

 private:
  struct Sums {
    int64_t texts = 0;
    double sum = 0;
    double squares = 0;
    void add(double length);
    void add(const Sums& other);
    double spread() const;  ///< sum of the squared distances to the mean
  };
  static double explained(const std::vector<Sums>& groups);

  ProblemType type_;
  std::vector<Sums> of_labels_;  ///< [K]
  Sums all_;
  std::vector<double> lengths_;  ///< of a regression
  std::vector<double> values_;
};

/// What is said of it, a sentence or two; empty where nothing is known.
std::string length_sentence(const LengthRelation& relation, Batching batching);

}  // namespace paceline
