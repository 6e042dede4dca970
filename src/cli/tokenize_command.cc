#include <fmt/format.h>

#include "base/cpu_topology.h"
#include "checkpoint/checkpoint.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/subcommands.h"
#include "jobs/tokenize_stream.h"
#include "model_folder/model_folder.h"

namespace paceline {
namespace {

struct TokenizeOptions {
  std::filesystem::path model_dir;
  std::filesystem::path input = "-";
  std::filesystem::path output = "-";
  RowReaderOptions rows;
  CheckpointOptions model;  ///< `base` and `token_types`
  int32_t threads = 0;
  bool quiet = false;
};

void note_tokenizer(const Tokenizer& tokenizer, const TokenTypeUse& types, Console& console) {
  if (tokenizer.origin() != "tokenizer.json") {
    console.note(fmt::format("paceline: the tokenizer is built from {}.", tokenizer.origin()));
  }
  for (const std::string& applied : tokenizer.applied()) console.note(fmt::format("paceline: {}.", applied));
  for (const std::string& note : tokenizer.notes()) console.note(fmt::format("paceline: {}.", note));
  if (types.read && !types.handed_out) {
    console.note(fmt::format("paceline: the model gets no token types ({}).", types.reason));
  }
  if (!types.notice.empty()) console.note(fmt::format("paceline: {}.", types.notice));
}

int run_tokenize(const TokenizeOptions& options, Console& console) {
  refuse_packed_output("tokenize", options.output);
  refuse_overwriting("tokenize", "--output", options.output, {options.input});
  const std::filesystem::path model_dir = find_model_folder(options.model_dir);
  refuse_overwriting("tokenize", "--output", options.output, files_of(find_model_parts(model_dir, options.model)));
  const CheckpointConfig config = read_checkpoint_config(model_dir, options.model);
  const Tokenizer tokenizer = Tokenizer::load(config.tokenizer, {.max_length = config.max_length,
                                                                 .token_types = reads_token_types(config.network),
                                                                 .known_ids = config.network.vocab_size,
                                                                 .known_types = config.token_types.known,
                                                                 .count_truncated = true});
  if (!options.quiet) note_tokenizer(tokenizer, config.token_types, console);
  ThreadPool pool(resolve_threads(options.threads));
  RowReaderOptions rows = options.rows;
  rows.stop = stop_by_signal();
  const auto reader = interruptibly([&] { return RowReader::open(options.input, rows); });
  for (const std::string& note : reader->notes()) {
    if (!options.quiet) console.note(fmt::format("paceline: {}.", note));
  }
  Output output = interruptibly([&] { return Output(options.output, console); });
  const auto progress = make_progress(options.quiet || options.output == "-", "tokenize", "kB");
  StreamOptions stream;
  stream.stop = stop_by_signal();
  const ClassifySummary summary = tokenize_stream(*reader, tokenizer, pool, stream, output.sink(), *progress);
  if (summary.interrupted || interrupted()) return kExitInterrupted;
  output.commit();
  if (reader->damage().empty()) return kExitDone;
  console.note(fmt::format("paceline: {}", reader->damage()));
  return kExitBadData;
}

}  // namespace

Command make_tokenize_command() {
  const auto options = std::make_shared<TokenizeOptions>();
  std::vector<Flag> flags{
      model_dir_flag(options->model_dir),
      {"--input", "FILE", "texts, - for standard input (default -)", set_path(options->input)},
      {"--output", "FILE", "JSON lines, - for standard output (default -)", set_path(options->output)}};
  for (Flag& flag : row_flags(options->rows)) flags.push_back(std::move(flag));
  flags.push_back(base_flag(options->model.base));
  flags.push_back(token_types_flag(options->model.token_types));
  flags.push_back(threads_flag(options->threads));
  flags.push_back(
      {"--quiet", "", "no notes, no progress (default: progress when --output is a file)", set_switch(options->quiet)});
  return {
      .name = "tokenize",
      .summary = "show texts as the model reads them, one JSON object a line",
      .flags = std::move(flags),
      .notes =
          "Each object has tokens, input_ids, token_type_ids where the model gets them, and truncated (tokens cut "
          "off to fit the model), or error. Needs config.json and a tokenizer (tokenizer.json, vocab.txt, vocab.json "
          "with merges.txt, or a SentencePiece .model), no weights.",
      .run = [options](const Invocation& invocation) { return run_tokenize(*options, invocation.console); }};
}

}  // namespace paceline
