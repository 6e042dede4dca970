#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/cache_folder.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "cli/exit_code.h"
#include "cli/notices.h"
#include "cli/subcommands.h"
#include "machine/compute_type.h"
#include "model_folder/model_folder.h"
#include "network/network.h"
#include "tokenize/tokenizer.h"
#include "words/counted.h"
#include "words/numbers.h"
#include "words/printable.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kInspectSchemaVersion = 1;
/// Sentence, paragraph, and the longest that most models read.
constexpr std::array<int32_t, 3> kLengths{32, 128, 512};

struct InspectOptions {
  std::filesystem::path model_dir;
  CheckpointOptions checkpoint_options{};
  std::filesystem::path cache_dir;
  bool json = false;
};

struct Inspection {
  Checkpoint checkpoint;
  std::string hash;
  std::string tokenizer_type;
  std::string tokenizer_origin;
  std::string tokenizer_reading;
  std::vector<std::string> tokenizer_applied;
  std::vector<std::string> tokenizer_notes;
  int32_t tokenizer_entries = 0;
};

Inspection inspect(const InspectOptions& options) {
  const std::filesystem::path model_dir = find_model_folder(options.model_dir);
  Inspection found{.checkpoint = Checkpoint::open(model_dir, options.checkpoint_options),
                   .hash = {},
                   .tokenizer_type = {},
                   .tokenizer_origin = {},
                   .tokenizer_reading = {},
                   .tokenizer_applied = {},
                   .tokenizer_notes = {}};
  found.hash = found.checkpoint.hash(options.cache_dir.empty() ? default_cache_dir() : options.cache_dir);
  const Tokenizer tokenizer =
      Tokenizer::load(found.checkpoint.parts().tokenizer, {.max_length = found.checkpoint.max_length()});
  found.tokenizer_entries = tokenizer.vocab_size();
  found.tokenizer_type = tokenizer.kind();
  found.tokenizer_origin = tokenizer.origin();
  found.tokenizer_reading = tokenizer.reading();
  found.tokenizer_applied = tokenizer.applied();
  found.tokenizer_notes = tokenizer.notes();
  return found;
}

/// The lengths that the model takes; its own where it takes none of them.
std::vector<int32_t> shown_lengths(int32_t max_length) {
  std::vector<int32_t> lengths(kLengths.begin(), kLengths.end());
  std::erase_if(lengths, [&](int32_t tokens) { return tokens > max_length; });
  if (lengths.empty()) lengths.push_back(max_length);
  return lengths;
}

double flops_per_token(const Network& network, int32_t tokens) { return forward_flops(network, tokens) / tokens; }

/// Memory of the weights for each compute type that some backend has.
std::map<std::string, int64_t> weight_memory(const Network& network) {
  std::map<std::string, int64_t> memory;
  for (const std::string& type : known_compute_types()) {
    const ComputeType* known = find_compute_type(type);
    if (known != nullptr && known->weight_bytes > 0) memory[type] = parameter_count(network) * known->weight_bytes;
  }
  return memory;
}

std::vector<std::string> weight_file_names(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const std::filesystem::path& file : checkpoint.weight_files()) names.push_back(file.string());
  return names;
}

std::string weights_text(const Checkpoint& checkpoint) {
  const std::vector<std::string> names = weight_file_names(checkpoint);
  std::string out = printable(names.front());
  if (names.size() > 1) out += fmt::format(" and {} more", names.size() - 1);
  if (!checkpoint.adapter().empty()) out += fmt::format(", with {} merged into them", checkpoint.adapter());
  if (!checkpoint.taken().empty()) out += fmt::format(", what is under {}", excerpt(checkpoint.taken()));
  if (checkpoint.unused_tensors() > 0) {
    out += fmt::format("; {} not used", counted(checkpoint.unused_tensors(), "tensor"));
    if (checkpoint.without_prefix() > 0)
      out += fmt::format(", {} without the prefix", format_count(checkpoint.without_prefix()));
  }
  return out;
}

std::string inspect_json(const Inspection& found) {
  const Checkpoint& checkpoint = found.checkpoint;
  const Network& network = checkpoint.network();
  OrderedJson json{{"schema_version", kInspectSchemaVersion},
                   {"model_dir", checkpoint.model_dir().string()},
                   {"hash", found.hash},
                   {"architecture", network.architecture},
                   {"parameters", parameter_count(network)},
                   {"dtype", short_dtype_name(checkpoint.dtype())},
                   {"weight_bytes", checkpoint.weight_bytes()},
                   {"weight_files", weight_file_names(checkpoint)},
                   {"adapter", checkpoint.adapter()},
                   {"notices", checkpoint.notices()},
                   {"weights_taken", checkpoint.taken()},
                   {"unused_tensors", checkpoint.unused_tensors()},
                   {"tensors_without_prefix", checkpoint.without_prefix()},
                   {"random_weights", checkpoint.random_weights()},
                   {"saved_by", checkpoint.saved_by().version},
                   {"config_read_as", checkpoint.saved_by().model},
                   {"layers", network.layers.size()},
                   {"hidden_size", network.hidden_size},
                   {"intermediate_size", network.intermediate_size},
                   {"vocab_size", network.vocab_size},
                   {"max_length", checkpoint.max_length()},
                   {"labels", checkpoint.labels()}};
  json["heads"] = network.blocks.empty() ? 0 : network.blocks.front().attention.heads;
  json["problem_type"] =
      checkpoint.has_head() ? OrderedJson(problem_type_name(checkpoint.problem_type())) : OrderedJson(nullptr);
  json["tokenizer"] = {{"type", found.tokenizer_type},        {"vocab_size", found.tokenizer_entries},
                       {"made_from", found.tokenizer_origin}, {"read_as", found.tokenizer_reading},
                       {"applied", found.tokenizer_applied},  {"notes", found.tokenizer_notes}};
  const TokenTypeUse& types = checkpoint.token_types();
  json["token_types"] = {{"read_by_the_model", types.read},
                         {"handed_out", types.handed_out},
                         {"reason", types.reason},
                         {"notice", types.notice}};
  for (const int32_t tokens : shown_lengths(checkpoint.max_length())) {
    json["flops_per_token"][std::to_string(tokens)] = flops_per_token(network, tokens);
  }
  for (const auto& [type, bytes] : weight_memory(network)) json["memory_bytes"][type] = bytes;
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string compute_text(const Network& network, int32_t max_length) {
  std::string out;
  for (const int32_t tokens : shown_lengths(max_length)) {
    out += fmt::format("{}{:.4g} MFLOP", out.empty() ? "" : ", ", flops_per_token(network, tokens) / 1e6);
    out += fmt::format(" at {} tokens", tokens);
  }
  return out;
}

std::string saved_by_text(const SavedBy& saved) {
  const std::string version =
      saved.version.empty() ? "a version that config.json does not name" : "transformers " + excerpt(saved.version);
  return fmt::format("{}; config.json is read as by version {}", version, saved.model);
}

std::string labels_text(const Checkpoint& checkpoint) {
  if (!checkpoint.has_head()) return "none: an encoder without a classification head";
  constexpr std::size_t kShown = 20;
  const auto& labels = checkpoint.labels();
  const auto end = labels.begin() + static_cast<std::ptrdiff_t>(std::min(labels.size(), kShown));
  return fmt::format("{}: {}{} ({})", labels.size(), printable(fmt::format("{}", fmt::join(labels.begin(), end, ", "))),
                     labels.size() > kShown ? ", ..." : "", problem_type_name(checkpoint.problem_type()));
}

std::string token_types_text(const TokenTypeUse& types) {
  if (!types.read) return "none: the model tells none apart";
  return fmt::format("{} ({})", types.handed_out ? "handed to the model" : "none handed to the model", types.reason);
}

/// How the tokenizer's files are read, what others changed of it, and what of them is not done.
std::string changes_text(const Inspection& found) {
  const TokenTypeUse& types = found.checkpoint.token_types();
  std::string out = fmt::format("read as          {}\n", printable(found.tokenizer_reading));
  out += fmt::format("token types      {}\n", printable(token_types_text(types)));
  for (const std::string& applied : found.tokenizer_applied)
    out += fmt::format("changed          {}\n", printable(applied));
  for (const std::string& note : found.tokenizer_notes) out += fmt::format("notice           {}\n", printable(note));
  if (!types.notice.empty()) out += fmt::format("notice           {}\n", printable(types.notice));
  return out;
}

std::string made_text(const std::string& origin) {
  return (origin == "tokenizer.json" ? "read from " : "built from ") + origin;
}

std::string inspect_text(const Inspection& found) {
  const Checkpoint& checkpoint = found.checkpoint;
  const Network& network = checkpoint.network();
  std::string memory;
  for (const auto& [type, bytes] : weight_memory(network)) {
    memory += fmt::format("{}{} {:.4g} MB", memory.empty() ? "" : ", ", type, static_cast<double>(bytes) / 1e6);
  }
  std::string out = fmt::format(
      "saved by         {}\n"
      "architecture     {}: {}, hidden {}, {}, intermediate {}\n"
      "parameters       {}, stored as {} in {:.4g} MB\n"
      "weights          {}\n"
      "labels           {}\n"
      "tokenizer        {}, {} entries; {}; the model has room for {}\n"
      "{}"
      "max_length       {} tokens\n"
      "compute          {}, per token\n"
      "memory           {}, the weights alone\n"
      "hash             {}\n",
      saved_by_text(checkpoint.saved_by()), network.architecture, counted(std::ssize(network.layers), "layer"),
      network.hidden_size, counted(network.blocks.empty() ? 0 : network.blocks.front().attention.heads, "head"),
      network.intermediate_size, format_count(parameter_count(network)), short_dtype_name(checkpoint.dtype()),
      static_cast<double>(checkpoint.weight_bytes()) / 1e6, weights_text(checkpoint), labels_text(checkpoint),
      found.tokenizer_type, format_count(found.tokenizer_entries), made_text(found.tokenizer_origin),
      format_count(network.vocab_size), changes_text(found), checkpoint.max_length(),
      compute_text(network, checkpoint.max_length()), memory, found.hash);
  for (const std::string& notice : checkpoint.notices()) out += fmt::format("notice           {}.\n", notice);
  if (checkpoint.random_weights()) out += fmt::format("notice           {}\n", kRandomWeightsNotice);
  return out;
}

}  // namespace

Command make_inspect_command() {
  const auto options = std::make_shared<InspectOptions>();
  std::vector<Flag> flags{model_dir_flag(options->model_dir),
                          {"--json", "", "print JSON (default: text)", set_switch(options->json)}};
  for (Flag& flag : weight_flags(options->checkpoint_options.file, options->checkpoint_options.prefix,
                                 options->checkpoint_options.base)) {
    flags.push_back(std::move(flag));
  }
  flags.push_back(token_types_flag(options->checkpoint_options.token_types));
  flags.push_back(cache_dir_flag(options->cache_dir));
  return {.name = "inspect",
          .summary = "say what a checkpoint is",
          .flags = std::move(flags),
          .notes = "",
          .run = [options](const Invocation& invocation) {
            const Inspection found = inspect(*options);
            invocation.console.write(options->json ? inspect_json(found) : inspect_text(found));
            return static_cast<int>(kExitDone);
          }};
}

}  // namespace paceline
