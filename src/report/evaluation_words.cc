#include "report/evaluation_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "base/long_mode_names.h"
#include "report/html_page.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// "90.1 to 92.2 %"
NamedScore percent(std::string name, const Score& score) {
  return {std::move(name), format_percent(score.value),
          fmt::format("{} to {}", format_decimals(100 * score.low, 1), format_percent(score.high))};
}

/// Whether there is an interval: not where drawing the texts again changes nothing, and not of infinite figures.
bool has_interval(const Score& score) {
  return std::isfinite(score.low) && std::isfinite(score.high) && score.low < score.high;
}

NamedScore number(std::string name, const Score& score, int decimals = 3) {
  return {std::move(name), format_decimals(score.value, decimals),
          has_interval(score)
              ? fmt::format("{} to {}", format_decimals(score.low, decimals), format_decimals(score.high, decimals))
              : ""};
}

NamedScore number(std::string name, const std::optional<Score>& score) {
  if (!score) return {std::move(name), "-", ""};
  return number(std::move(name), *score);
}

/// A figure with an error's unit: three digits.
NamedScore error_figure(std::string name, const Score& score) {
  if (!is_plain(score.value)) {
    return {std::move(name), format_number(score.value),
            has_interval(score) ? fmt::format("{} to {}", format_number(score.low), format_number(score.high)) : ""};
  }
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

/// With fewer texts that tell the two apart, McNemar's test can decide nothing, and an interval must not.
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

std::vector<std::string> multi_sentences(const PairedMultiScores& paired) {
  if (paired.differing == 0) return {"Both give the same labels for every text."};
  const auto sentence = [&](std::string_view name, const Score& difference) {
    const std::string said = paired.differing < kFewestDeciding ? kUndecided : points_verdict(difference);
    return points_sentence(name, difference, said);
  };
  return {sentence("Micro-F1", paired.micro_f1), sentence("Macro-F1", paired.macro_f1),
          sentence("All labels right", paired.exact),
          fmt::format("The two give the same labels for {} of the texts.", format_percent(paired.agreement.value, 2))};
}

std::vector<std::string> difference_sentences(const EvaluatedAgainst& is) {
  if (is.single) return single_sentences(*is.single);
  if (is.multi) return multi_sentences(*is.multi);
  if (!is.squared_error) return {};
  const Score& difference = *is.squared_error;
  return {fmt::format("Mean squared error: {} (95 % interval {} to {}), {}.", format_number(difference.value),
                      format_number(difference.low), format_number(difference.high),
                      verdict(difference, "larger than the other's", "smaller than the other's"))};
}

/// Names in a sentence, not all of many.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) shown.push_back(excerpt(names[i]));
  const std::string more = names.size() > kShown ? fmt::format(" and {} more", names.size() - kShown) : "";
  return fmt::format("{}{}", fmt::join(shown, ", "), more);
}

constexpr std::size_t kPathBytes = 200;

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

std::string settings_words(const EvaluatedModel& model) {
  std::vector<std::string> parts;
  const auto by_label = [](const std::map<std::string, float>& values) {
    std::vector<std::string> items;
    for (const auto& [label, value] : values) items.push_back(fmt::format("{} for {}", value, excerpt(label)));
    return fmt::format("{}", fmt::join(items, ", "));
  };
  if (!model.plan.empty()) parts.push_back("plan " + excerpt(model.plan, kPathBytes));
  const CheckpointOptions& files = model.checkpoint.options;
  if (!files.file.empty()) parts.push_back("weights " + excerpt(files.file.string(), kPathBytes));
  if (!files.base.empty()) parts.push_back("base " + excerpt(files.base.string(), kPathBytes));
  if (model.labels.threshold) parts.push_back(fmt::format("threshold {}", *model.labels.threshold));
  if (!model.labels.label_thresholds.empty()) parts.push_back("thresholds " + by_label(model.labels.label_thresholds));
  if (!model.labels.class_weights.empty()) parts.push_back("class weights " + by_label(model.labels.class_weights));
  const LongTextOptions& long_texts = model.long_texts;
  if (long_texts.mode == LongTextOptions::Mode::kWindow) {
    parts.push_back(fmt::format("windows that share {}, {} over {}", counted(long_texts.stride, "token"),
                                name_of(long_texts.combine, kCombineNames),
                                name_of(long_texts.over_logits, kCombineOverNames)));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::vector<std::string> data_sentences(const LabelledData& data) {
  std::vector<std::string> sentences;
  if (data.labels_are == LabelledData::kNumbers) {
    sentences.push_back("The file calls labels by their numbers, which were taken as the model numbers them.");
  }
  if (data.labels_are == LabelledData::kYesOrNo) {
    sentences.push_back("The file says of each label, in the model's order, whether a text has it.");
  }
  for (const SkippedRows& one : data.skipped) {
    sentences.push_back(fmt::format("{} {} left out: {}. The first: {}", counted(one.rows, "row"),
                                    one.rows == 1 ? "is" : "are", one.reason, one.first));
  }
  if (data.empty_texts > 0) {
    const bool one = data.empty_texts == 1;
    sentences.push_back(fmt::format("{} {} empty; {} like any other.", counted(data.empty_texts, "text"),
                                    one ? "is" : "are", one ? "it counts" : "they count"));
  }
  if (data.truncated_texts > 0) {
    sentences.push_back(fmt::format("{} {} longer than the model reads and {} cut.",
                                    counted(data.truncated_texts, "text"), data.truncated_texts == 1 ? "is" : "are",
                                    data.truncated_texts == 1 ? "was" : "were"));
  }
  return sentences;
}

std::vector<std::string> label_sentences(const Evaluation& evaluation) {
  const std::vector<LabelCounts>* labels = labels_of(evaluation.scores);
  if (labels == nullptr) return {};
  std::vector<std::string> absent;
  std::vector<std::string> single;
  for (std::size_t k = 0; k < labels->size(); ++k) {
    const std::string& name = evaluation.model.checkpoint.labels[k];
    if ((*labels)[k].expected == 0) absent.push_back(name);
    if ((*labels)[k].expected == 1) single.push_back(name);
  }
  std::vector<std::string> sentences;
  if (!absent.empty()) {
    const std::string_view mean =
        evaluation.scores.multi ? " Average precision is the mean over the others; scikit-learn counts these as 0."
                                : "";
    sentences.push_back(fmt::format("No text of the data has {}: {}.{}",
                                    absent.size() == 1 ? "this label" : "these labels", listed(absent), mean));
  }
  if (!single.empty()) {
    sentences.push_back(fmt::format("Only one text has {}, so that its figures say little: {}.",
                                    single.size() == 1 ? "this label" : "each of these labels", listed(single)));
  }
  return sentences;
}

std::string calibration_sentence(const Evaluation& evaluation) {
  if (!evaluation.calibration) return "";
  const Calibration& is = *evaluation.calibration;
  std::string text = fmt::format("Probabilities are off by {} on average (expected calibration error).",
                                 format_percent(is.plain.error));
  if (!is.temperature) {
    text += " There is no best temperature: every text is right, or the logits say nothing of the labels.";
  } else {
    text += fmt::format(
        " Logits divided by {} would leave {}, which is a little too good: that temperature was fitted on "
        "these same texts.",
        format_number(*is.temperature), format_percent(is.tempered.error));
  }
  return text;
}

std::vector<std::string> against_sentences(const Evaluation& evaluation) {
  if (!evaluation.against) return {};
  const EvaluatedAgainst& is = *evaluation.against;
  std::vector<std::string> sentences = difference_sentences(is);
  if (is.texts < evaluation.data.texts) {
    sentences.push_back(fmt::format("Only {} answered by both and {} compared.",
                                    counted(is.texts, "text") + (is.texts == 1 ? " was" : " were"),
                                    is.texts == 1 ? "is" : "are"));
  }
  return sentences;
}

}  // namespace paceline
