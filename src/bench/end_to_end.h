#pragma once

#include <filesystem>
#include <span>

#include "jobs/stream.h"
#include "paceline/classifier.h"
#include "plan/run_options.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// What classify would be asked to do.
struct EndToEndRequest {
  std::filesystem::path model_dir;
  RunOptions run;
  LabelOptions labels{};
  RowFormat format = RowFormat::kTxt;  ///< of the rows: kTxt, kCsv or kJsonl
  double expected_seconds = 0;         ///< of the texts, without loading
};

struct EndToEndRun {
  ClassifySummary summary;
  double seconds = 0;  ///< from the first text read to the last row written, without loading
};

/// Classifies texts as `classify` does, with its stream and its rows, and times it. `sink` gets the rows.
/// Throws what classify would.
EndToEndRun run_end_to_end(const EndToEndRequest& request, std::span<const Text> texts, TextSink& sink);

}  // namespace paceline
