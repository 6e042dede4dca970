#pragma once

#include "base/progress.h"
#include "base/thread_pool.h"
#include "jobs/stream.h"
#include "rows/row_reader.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// Writes for each row a JSON object with tokens, input_ids, token_type_ids (where the tokenizer was made to give
/// them) and truncated (tokens cut off), or with error; in the rows' order, in memory that a chunk of `options`
/// bounds.
ClassifySummary tokenize_stream(RowReader& reader, const Tokenizer& tokenizer, ThreadPool& pool,
                                const StreamOptions& options, TextSink& sink, Progress& progress);

}  // namespace paceline
