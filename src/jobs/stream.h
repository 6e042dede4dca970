#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "pipeline/text_classifier.h"
#include "rows/row_reader.h"
#include "rows/row_writer.h"

namespace paceline {

/// Where the output goes, piece by piece.
class TextSink {
 public:
  virtual void write(std::string_view text) = 0;
  virtual ~TextSink() = default;
};

struct StreamOptions {
  AnswerOptions answer{};
  int32_t chunk = kChunkTexts;                      ///< rows read, sorted and run together
  std::size_t chunk_bytes = std::size_t{64} << 20;  ///< text of a chunk, so that long rows cannot fill the memory
  std::stop_token stop{};                           ///< looked at after each batch
  /// Asked to stop once no more rows are wanted, also because of `stop`: a reader with its token waits no longer.
  std::stop_source input{};
};

/// What becomes of rows and their answers.
class AnswerTaker {
 public:
  /// Each row as soon as it is read, on the reading thread; what it throws ends the work before the row's chunk is run.
  virtual void check(const Row& row) = 0;
  /// Each row in the input's order, on the writing thread. The row's text has been moved away.
  virtual void take(const Row& row, const Answer& answer) = 0;
  /// The same of a row without an answer: `error` says why in a sentence, `fault` in a word.
  virtual void take_error(const Row& row, RowFault fault, std::string_view error) = 0;
  /// All rows of a chunk were taken.
  virtual void end_chunk() {}
  virtual ~AnswerTaker() = default;
};

/// How answers stand beside the rows of a reader: what follows from these rows, from the model, from how it is run and
/// from top_k. Needs no weights: a column that is in the way is found before they are loaded.
RowWriterOptions writer_options(const RowReader& reader, const Checkpoint& checkpoint, const RunOptions& run,
                                int32_t top_k);

struct ClassifySummary {
  uint64_t rows = 0;    ///< taken
  uint64_t errors = 0;  ///< of them with an error instead of an answer
  std::string first_error{};
  uint64_t truncated = 0;  ///< texts cut to max_length
  uint64_t windowed = 0;   ///< texts read in more than one window
  uint64_t tokens = 0;
  bool interrupted = false;
};

/// Rows in, answers out, in the rows' order and in memory that a chunk bounds, however long the input is.
///
/// Three stages work side by side, each on the next chunk as soon as it has handed on the last: reading and encoding,
/// planning and running (this thread), taking. So an engine that leaves CPUs idle, as one on another device does,
/// never waits for text; one that uses them all gives up what the others need, no more. At most three chunks are in
/// memory.
///
/// What was run is taken, whatever stops the work; the chunk in work is not.
/// Throws Error: what the reader, the taker and the backend throw.
ClassifySummary answer_stream(RowReader& reader, TextClassifier& classifier, const StreamOptions& options,
                              AnswerTaker& taker, Progress& progress);

/// The same, with the answers written. Throws also what the writer and the sink throw, e.g. invalid_argument for a row
/// that already has a field of the name of a new one.
ClassifySummary classify_stream(RowReader& reader, const RowWriter& writer, TextClassifier& classifier,
                                const StreamOptions& options, TextSink& sink, Progress& progress);

}  // namespace paceline
