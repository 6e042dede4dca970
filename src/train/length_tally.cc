#include "train/length_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metrics/regression.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

// What Cohen calls a medium effect (Statistical Power Analysis for the Behavioral Sciences, 1988).
constexpr double kMediumEta = 0.06;
constexpr double kMediumCorrelation = 0.3;

}  // namespace

void LengthTally::Sums::add(double length) {
  ++texts;
  sum += length;
  squares += length * length;
}

void LengthTally::Sums::add(const Sums& other) {
  texts += other.texts;
  sum += other.sum;
  squares += other.squares;
}

/// Lengths are whole numbers below 2^20, so these sums are exact for 2^13 texts and more than good enough beyond.
double LengthTally::Sums::spread() const {
  return texts == 0 ? 0 : std::max(squares - sum * sum / static_cast<double>(texts), 0.0);
}

LengthTally::LengthTally(ProblemType type, int32_t labels)
    : type_(type), of_labels_(static_cast<std::size_t>(type == ProblemType::kRegression ? 0 : labels)) {}

void LengthTally::add(int64_t tokens, const Expected& expected) {
  const auto length = static_cast<double>(tokens);
  all_.add(length);
  for (const int32_t label : expected.labels) of_labels_[static_cast<std::size_t>(label)].add(length);
  if (type_ != ProblemType::kRegression) return;
  lengths_.push_back(length);
  values_.push_back(expected.value);
}

/// Eta^2 of these groups, which together are all texts.
double LengthTally::explained(const std::vector<Sums>& groups) {
  Sums all;
  double within = 0;
  for (const Sums& group : groups) {
    all.add(group);
    within += group.spread();
  }
  return all.spread() > 0 ? std::clamp(1 - within / all.spread(), 0.0, 1.0) : 0;
}

LengthRelation LengthTally::finish(const std::vector<std::string>& names) const {
  if (all_.texts < 3 || all_.spread() == 0) return {};
  LengthRelation relation{.measure = "eta^2"};
  const auto degrees = static_cast<double>(all_.texts - 1);
  if (type_ == ProblemType::kRegression) {
    const auto spearman = score(lengths_, values_).spearman;
    if (!spearman) return {};
    relation.measure = "Spearman";
    relation.value = spearman->value;
    relation.go_together = std::fabs(spearman->value) > kMediumCorrelation;
    return relation;
  }
  if (type_ == ProblemType::kSingleLabelClassification) {
    const auto occurring = std::ranges::count_if(of_labels_, [](const Sums& one) { return one.texts > 0; });
    if (occurring < 2) return {};
    relation.value = explained(of_labels_);
    relation.by_chance = static_cast<double>(occurring - 1) / degrees;
  } else {
    relation.by_chance = 1 / degrees;
    for (std::size_t k = 0; k < of_labels_.size(); ++k) {
      const Sums& with = of_labels_[k];
      const Sums without{all_.texts - with.texts, all_.sum - with.sum, all_.squares - with.squares};
      const double value = explained({with, without});
      if (relation.label.empty() || value > relation.value) {
        relation.value = value;
        relation.label = names[k];
      }
    }
  }
  relation.go_together = relation.value - relation.by_chance > kMediumEta;
  return relation;
}

std::string length_sentence(const LengthRelation& relation, Batching batching) {
  if (relation.measure.empty()) return "";
  std::string text;
  if (relation.measure == "Spearman") {
    text = fmt::format("Value and length: rank correlation {}.", format_decimals(relation.value, 2));
  } else {
    text = fmt::format("Label and length: {} explains {} of the variance of lengths (eta^2; chance alone {}).",
                       relation.label.empty() ? "the label" : fmt::format("\"{}\"", excerpt(relation.label)),
                       format_percent(relation.value), format_percent(relation.by_chance));
  }
  const bool grouped = batching == Batching::kLengthGrouped;
  if (relation.go_together && grouped) {
    return text +
           " Batches of texts of like length then hold few of the labels each, which can cost accuracy: "
           "--batching random is as fast here.";
  }
  if (relation.go_together)
    return text + " Length-grouped batches would hold few of the labels each; random ones do not.";
  return text + (grouped ? " Length-grouped batches hold the labels about as random ones do." : "");
}

}  // namespace paceline
