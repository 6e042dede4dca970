#include "results/samples_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

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

}  // namespace

std::string samples_csv(const BenchResults& results) {
  std::string out =
      "backend,compute_type,device,batch_size,max_batch_tokens,order,threads,instances,round,phase,batches,tokens,"
      "share,"
      "seconds,ms_per_text\n";
  for (const CellResult& cell : results.cells) {
    const Configuration& is = cell.configuration;
    const std::string configuration =
        fmt::format("{},{},{},{},{},{},{},{}", csv_field(is.backend), csv_field(is.compute_type), csv_field(is.device),
                    is.batch_size, is.max_batch_tokens, order_name(is.order), is.threads, is.instances);
    for (const Timing& timing : cell.timings) {
      // What this round says that all of the texts take.
      const double sample_seconds = timing.share > 0 ? timing.seconds / timing.share : 0;
      const double texts = static_cast<double>(std::max<int64_t>(1, results.workload.texts));
      fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{:.9f},{:.9f},{:.6f}\n", configuration, timing.round,
                     timing.confirmation ? "confirmation" : "exploratory", timing.batches, timing.tokens, timing.share,
                     timing.seconds, 1000 * sample_seconds / texts);
    }
  }
  return out;
}

}  // namespace paceline
