#include "report/evaluation_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "report/html_page.h"
#include "words/counted.h"
#include "words/numbers.h"

namespace paceline {
namespace {

/// "90.1 to 92.2 %"
NamedScore percent(std::string name, const Score& score) {
  return {std::move(name), format_percent(score.value),
          fmt::format("{} to {}", format_decimals(100 * score.low, 1), format_percent(score.high))};
}

NamedScore number(std::string name, const Score& score, int decimals = 3) {
  return {std::move(name), format_decimals(score.value, decimals),
          fmt::format("{} to {}", format_decimals(score.low, decimals), format_decimals(score.high, decimals))};
}

NamedScore number(std::string name, const std::optional<Score>& score) {
  if (!score) return {std::move(name), "-", ""};
  return number(std::move(name), *score);
}

/// A figure with an error's unit: three digits.
NamedScore error_figure(std::string name, const Score& score) {
  return number(std::move(name), score, decimals_of(score.value, 3));
}

std::string signed_points(double share) {
  const double points = 100 * share;
  return fmt::format("{}{}", points > 0 ? "+" : "", format_decimals(points, 2));
}

constexpr const char* kUndecided = "not decided by these texts";

/// Which is better, or that nothing is decided.
std::string verdict(const Score& difference, std::string_view high, std::string_view low) {
  if (difference.low > 0) return std::string(high);
  if (difference.high < 0) return std::string(low);
  return kUndecided;
}

std::string points_sentence(std::string_view name, const Score& difference, std::string_view said) {
  return fmt::format("{}: {} points (95 % interval {} to {}), {}.", name, signed_points(difference.value),
                     signed_points(difference.low), signed_points(difference.high), said);
}

std::string points_verdict(const Score& difference) {
  return verdict(difference, "better than the other", "worse than the other");
}

/// With fewer texts that only one has right, McNemar's test can decide nothing, and an interval must not.
constexpr int64_t kFewestDeciding = 6;

std::vector<std::string> single_sentences(const PairedScores& paired) {
  if (paired.agreement.value == 1) return {"Both give the same label for every text."};
  const bool too_few = paired.only_first + paired.only_second < kFewestDeciding;
  const auto said = [&](const Score& difference) {
    return too_few ? std::string(kUndecided) : points_verdict(difference);
  };
  return {points_sentence("Accuracy", paired.accuracy, said(paired.accuracy)),
          points_sentence("Macro-F1", paired.macro_f1, said(paired.macro_f1)),
          fmt::format("The two give the same label for {} of the texts. {} {} right with this model alone, {} with the "
                      "other alone: McNemar's p-value is {}.",
                      format_percent(paired.agreement.value, 2), counted(paired.only_second, "text"),
                      paired.only_second == 1 ? "is" : "are", format_count(paired.only_first),
                      format_number(paired.p_value, 2))};
}

std::vector<std::string> difference_sentences(const EvaluatedAgainst& is) {
  if (is.single) return single_sentences(*is.single);
  if (is.exact) return {points_sentence("All labels right", *is.exact, points_verdict(*is.exact))};
  if (!is.squared_error) return {};
  const Score& difference = *is.squared_error;
  return {fmt::format("Mean squared error: {} (95 % interval {} to {}), {}.", format_number(difference.value),
                      format_number(difference.low), format_number(difference.high),
                      verdict(difference, "larger than the other's", "smaller than the other's"))};
}

}  // namespace

std::vector<NamedScore> named_scores(const TaskScores& scores) {
  if (scores.single) {
    return {percent("accuracy", scores.single->accuracy), number("macro-F1", scores.single->macro_f1)};
  }
  if (scores.multi) {
    return {number("micro-F1", scores.multi->micro_f1), number("macro-F1", scores.multi->macro_f1),
            number("average precision", scores.multi->average_precision),
            percent("all labels right", scores.multi->exact)};
  }
  if (!scores.regression) return {};
  return {number("Pearson", scores.regression->pearson), number("Spearman", scores.regression->spearman),
          error_figure("mean squared error", scores.regression->mean_squared_error),
          error_figure("mean absolute error", scores.regression->mean_absolute_error)};
}

const std::vector<LabelCounts>* labels_of(const TaskScores& scores) {
  if (scores.single) return &scores.single->labels;
  return scores.multi ? &scores.multi->labels : nullptr;
}

std::vector<std::size_t> labels_by_frequency(const std::vector<LabelCounts>& labels) {
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t k) { return labels[k].expected; });
  return order;
}

std::string model_words(const EvaluatedModel& model) {
  const std::string name = model_name(model.checkpoint.model_dir);
  const std::string device = model.device == "cpu" ? "" : " on " + model.device;
  return fmt::format("{}, {} {}{}", name, model.backend, model.compute_type, device);
}

std::vector<std::string> data_sentences(const LabelledData& data) {
  std::vector<std::string> sentences;
  if (data.labels_are_numbers) {
    sentences.push_back("The file calls labels by their numbers, which were taken as the model numbers them.");
  }
  if (data.rows_skipped > 0) {
    sentences.push_back(fmt::format("{} could not be read and {} left out.", counted(data.rows_skipped, "row"),
                                    data.rows_skipped == 1 ? "is" : "are"));
  }
  if (data.truncated_texts > 0) {
    sentences.push_back(fmt::format("{} {} longer than the model reads and {} cut.",
                                    counted(data.truncated_texts, "text"), data.truncated_texts == 1 ? "is" : "are",
                                    data.truncated_texts == 1 ? "was" : "were"));
  }
  return sentences;
}

std::string calibration_sentence(const Evaluation& evaluation) {
  if (!evaluation.calibration) return "";
  const Calibration& is = *evaluation.calibration;
  std::string text = fmt::format("Probabilities are off by {} on average (expected calibration error).",
                                 format_percent(is.plain.error));
  if (is.temperature) {
    text += fmt::format(" Logits divided by {} would leave {}: that temperature was fitted on these same texts.",
                        format_number(*is.temperature), format_percent(is.tempered.error));
  }
  return text;
}

std::vector<std::string> against_sentences(const Evaluation& evaluation) {
  if (!evaluation.against) return {};
  const EvaluatedAgainst& is = *evaluation.against;
  std::vector<std::string> sentences = difference_sentences(is);
  if (is.texts < evaluation.data.texts) {
    sentences.push_back(fmt::format("Only {} were answered by both and are compared.", counted(is.texts, "text")));
  }
  return sentences;
}

}  // namespace paceline
