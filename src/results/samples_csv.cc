#include "results/samples_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "results/lookup.h"

namespace paceline {
namespace {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

/// What stands behind the columns of a timing where labels are known: the same for every row of a configuration.
std::string accuracy_columns(const BenchResults& results, const Configuration& configuration) {
  if (!results.labelled) return "";
  const AccuracyResult* is = find_accuracy(results, configuration);
  if (is == nullptr) return ",,,,";
  const Score& score = is->headline;
  return fmt::format(",{:.6f},{:.6f},{:.6f},{}", score.value, score.low, score.high,
                     is->difference ? fmt::format("{:.6f}", is->difference->value) : "");
}

}  // namespace

std::string samples_csv(const BenchResults& results) {
  std::string out =
      "backend,compute_type,device,batch_size,max_batch_tokens,order,threads,instances,round,phase,batches,tokens,"
      "share,"
      "seconds,ms_per_text";
  out += results.labelled ? ",accuracy,accuracy_low,accuracy_high,accuracy_difference\n" : "\n";
  for (const CellResult& cell : results.cells) {
    const Configuration& is = cell.configuration;
    const std::string configuration =
        fmt::format("{},{},{},{},{},{},{},{}", csv_field(is.backend), csv_field(is.compute_type), csv_field(is.device),
                    is.batch_size, is.max_batch_tokens, order_name(is.order), is.threads, is.instances);
    const std::string accuracy = accuracy_columns(results, is);
    for (const Timing& timing : cell.timings) {
      // What this round says that all of the texts take.
      const double sample_seconds = timing.share > 0 ? timing.seconds / timing.share : 0;
      const double texts = static_cast<double>(std::max<int64_t>(1, results.workload.texts));
      fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{:.9f},{:.9f},{:.6f}{}\n", configuration, timing.round,
                     timing.confirmation ? "confirmation" : "exploratory", timing.batches, timing.tokens, timing.share,
                     timing.seconds, 1000 * sample_seconds / texts, accuracy);
    }
  }
  return out;
}

}  // namespace paceline
