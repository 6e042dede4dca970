#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "results/results.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// What is classified in every cell: the sampled texts as ids, in the file's order; long ones maybe in windows.
struct Workload {
  std::vector<Text> texts;
  std::vector<Encoding> encodings;
  std::vector<int32_t> lengths;        ///< tokens of each encoding
  std::size_t passed_over = 0;         ///< texts of the sample that cannot be read
  std::string first_error;             ///< why the first of them cannot
  RowFormat format = RowFormat::kTxt;  ///< of the file
  WorkloadSummary summary;
};

/// `wanted` of `available` indices, each set of them equally likely, ascending: the order of the file is part of what
/// is measured. All of them where there are no more. The same seed draws the same sample on every platform.
std::vector<uint32_t> draw_sample(std::size_t available, std::size_t wanted, uint64_t seed);

struct WorkloadOptions {
  std::string source;    ///< the texts' file name, for the report
  int32_t texts = 1000;  ///< size of the sample
  uint64_t seed = 0;
  int32_t threads = 1;
  std::optional<LongTextOptions> long_texts{};  ///< as the tokenizer was made for
  int32_t max_length = 0;                       ///< tokens of a sequence; 0: any number
};

/// Samples and encodes; texts that cannot be read are passed over. Throws Error{invalid_argument} for a sample below
/// one text, {corrupt_data} without any text, and the first text's error where none can be read.
Workload make_workload(TextSet texts, const Tokenizer& tokenizer, const WorkloadOptions& options);

/// Lengths and counts of the summary from encodings, each a text; `lengths` is filled, too.
void summarize(Workload& workload);

/// `count` sequences of made-up ids for a check without texts: lengths spread evenly over 3 ... `max_length` on a
/// logarithmic scale, ids uniform over the vocabulary.
Workload make_synthetic_workload(int32_t count, int32_t vocab_size, int32_t max_length, bool token_types);

}  // namespace paceline
