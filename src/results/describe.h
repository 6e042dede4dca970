#pragma once

#include <string>
#include <string_view>

#include "results/results.h"

namespace paceline {

/// Results in words, alike in the recommendation, the page, the charts and the terminal.

/// Whether there is a median, and whether there is an interval around it.
bool has_median(const Estimate& estimate);
bool has_interval(const Estimate& estimate);
/// "24.0 to 24.3", with as many decimals as the median is shown with; empty without an interval.
std::string format_interval(const Estimate& estimate);
/// " (24.0 to 24.3)", to stand behind the median; empty without an interval.
std::string interval_in_brackets(const Estimate& estimate);

/// "native fp32"; the device too where it is not the CPU.
std::string backend_words(const Configuration& configuration);
std::string backend_words(const BackendResult& backend);
/// "as given", "sorted by length".
std::string_view order_words(Order order);
/// "64", or "16,384 tokens" where a token budget rules.
std::string batch_words(const Configuration& configuration);
/// "native fp32, batch size 32, sorted by length, 2 instances of 1 thread"; instances only where there are several.
std::string configuration_words(const Configuration& configuration);

/// What may decide between two confirmed cells that a run could not tell apart, in a sentence: "A larger --budget or a
/// quieter machine may decide."
std::string deciding_words(const BenchResults& results, const CellResult& one, const CellResult& other);

/// "accuracy", "micro-F1", "Pearson correlation".
std::string_view metric_words(Metric metric);
/// The same to begin a sentence: "Accuracy".
std::string_view metric_name(Metric metric);
/// A figure of the metric: "91.2 %", "0.871".
std::string metric_figure(Metric metric, double value);
/// A figure with its interval: "91.2 % (95 % interval 90.1 to 92.2 %)".
std::string metric_score(Metric metric, const Score& score);
/// An amount of the metric: "0.50 points", "0.0050".
std::string metric_amount(Metric metric, double amount);
/// A difference of two figures: "-0.10 points", "+0.0010".
std::string metric_difference(Metric metric, double difference);
/// A difference with its interval: "-0.10 points (95 % interval -0.30 to +0.10)".
std::string metric_change(Metric metric, const Score& difference);

/// What the arithmetic of each compute type can reach: "fp32 290 GFLOP/s, bf16 none, int8 1,130 GOP/s".
std::string peaks_words(const Roof& roof);

}  // namespace paceline
