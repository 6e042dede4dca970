#include "bench/text_to_labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/plan_maker.h"
#include "bench/run_plan.h"
#include "paceline/error.h"

namespace paceline {
namespace {

/// Evenly spaced texts, as many as the time allows at the measured speed.
std::vector<Text> choose_texts(const std::vector<Text>& all, double seconds, const BenchResults& results) {
  double speed = 0;
  for (const CellResult& cell : results.cells) {
    if (cell.configuration == results.recommendation.choice) speed = cell.texts_per_second;
  }
  const std::size_t wanted = std::max<std::size_t>(1, static_cast<std::size_t>(seconds * speed));
  const std::size_t count = std::min(all.size(), wanted);
  std::vector<Text> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(all[i * all.size() / count]);
  return texts;
}

}  // namespace

void measure_text_to_labels(const BenchOptions& options, const BenchSubject& subject,
                            const BenchEnvironment& environment, BenchResults& results) {
  const EndToEndRequest request{.model_dir = subject.model_dir,
                                .run = chosen_run(results, subject.cache_dir),
                                .labels = options.labels,
                                .format = subject.workload.format,
                                .expected_seconds = end_to_end_seconds(options.method)};
  const std::vector<Text> texts = choose_texts(subject.workload.texts, request.expected_seconds, results);
  if (texts.empty()) return;
  environment.show("measuring from text to labels");
  try {
    results.end_to_end.ms_per_text = environment.start_worker("end to end")->end_to_end(request, texts);
    results.end_to_end.texts = static_cast<int64_t>(texts.size());
  } catch (const Error& error) {
    results.notes.push_back(fmt::format("Text to labels was not measured. {}", error.what()));
  }
}

}  // namespace paceline
