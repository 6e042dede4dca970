#include "jobs/tokenize_stream.h"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "jobs/row_chunk.h"

namespace paceline {
namespace {

void append_string(std::string_view text, std::string& out) {
  out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_integers(std::string_view key, std::span<const int32_t> values, std::string& out) {
  fmt::format_to(std::back_inserter(out), ", \"{}\": [{}]", key, fmt::join(values, ", "));
}

void append_encoding(const Tokenizer& tokenizer, const Encoding& encoding, std::string& out) {
  out += "{\"tokens\": [";
  std::string_view separator;
  for (const int32_t id : encoding.input_ids) {
    out += separator;
    append_string(tokenizer.token(id), out);
    separator = ", ";
  }
  out += ']';
  append_integers("input_ids", encoding.input_ids, out);
  if (tokenizer.hands_out_types()) append_integers("token_type_ids", encoding.token_type_ids, out);
  fmt::format_to(std::back_inserter(out), ", \"truncated\": {}}}\n", encoding.truncated);
}

void append_error(std::string_view error, std::string& out) {
  out += "{\"error\": ";
  append_string(error, out);
  out += "}\n";
}

}  // namespace

ClassifySummary tokenize_stream(RowReader& reader, const Tokenizer& tokenizer, ThreadPool& pool,
                                const StreamOptions& options, TextSink& sink, Progress& progress) {
  ClassifySummary summary;
  RowChunk chunk;
  SinkBuffer buffer(sink);
  while (!(summary.interrupted = options.stop.stop_requested()) && chunk.read(reader, options, [](const Row&) {})) {
    const EncodedTexts encoded = tokenizer.encode_all(chunk.texts(), pool);
    std::size_t text = 0;
    auto error = encoded.errors.begin();
    for (const Row& row : chunk.rows()) {
      ++summary.rows;
      const bool refused = row.error.empty() && error != encoded.errors.end() && error->text == text;
      if (refused || !row.error.empty()) {
        const std::string why = refused ? error_of_row(summary.rows, (error++)->message) : row.error;
        if (summary.errors++ == 0) summary.first_error = why;
        append_error(why, buffer.text());
      } else {
        const Encoding& encoding = encoded.encodings[text];
        summary.tokens += encoding.input_ids.size();
        if (encoding.truncated > 0) ++summary.truncated;
        append_encoding(tokenizer, encoding, buffer.text());
      }
      if (row.error.empty()) ++text;
      buffer.flush_if_full();
    }
    buffer.flush();
    report_progress(progress, chunk.place(), 1, summary.rows);
  }
  progress.finish();
  return summary;
}

}  // namespace paceline
