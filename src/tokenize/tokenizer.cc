#include "tokenize/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <numeric>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/git_lfs.h"
#include "base/json.h"
#include "base/paths.h"
#include "model_folder/saved_by.h"
#include "model_folder/tokenizer_files.h"
#include "paceline/error.h"
#include "paceline_rust.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// The largest tokenizer.json that we know has 250,000 pieces and takes 17 MB.
constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;

/// The largest tokenizer_config.json that we know has 300 kB; what is read of one takes ten times its bytes.
constexpr std::size_t kMaxSettingsBytes = std::size_t{32} << 20;

constexpr std::size_t kMessageBytes = 1024;

ErrorCode error_code(PacelineStatus status) {
  switch (status) {
    case kPacelineInvalidArgument:
      return ErrorCode::kInvalidArgument;
    case kPacelineUnsupported:
      return ErrorCode::kUnsupported;
    case kPacelineCorruptData:
      return ErrorCode::kCorruptData;
    case kPacelineNotFound:
      return ErrorCode::kNotFound;
    case kPacelineOutOfMemory:
      return ErrorCode::kResourceExhausted;
    case kPacelineOk:
      break;
  }
  return ErrorCode::kInternal;
}

PacelineBytes as_bytes(std::string_view text) {
  return {.data = reinterpret_cast<const uint8_t*>(text.data()), .size = text.size()};
}

/// A JSON file without the byte order mark that some editors put in front, which Rust's parser refuses.
std::string_view without_mark(std::string_view name, std::string_view content) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (name.ends_with(".json") && content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  return content;
}

struct FreeTokenizer {
  void operator()(PacelineTokenizer* tokenizer) const { paceline_tokenizer_free(tokenizer); }
};

/// An encoding that the Rust library owns.
struct RustEncoding {
  RustEncoding() = default;
  RustEncoding(const RustEncoding&) = delete;
  RustEncoding& operator=(const RustEncoding&) = delete;
  ~RustEncoding() { paceline_encoding_free(&value); }

  PacelineEncoding value{};
};

/// The files of a model folder that say how its tokenizer works, by name.
std::map<std::string, std::string> read_tokenizer_files(const std::filesystem::path& model_dir) {
  std::map<std::string, std::string> files;
  const auto read = [&](const char* name, std::size_t most) {
    const std::filesystem::path path = model_dir / name;
    if (path_exists(path)) files.emplace(name, read_file(path, most));
  };
  read(kTokenizerFile, kMaxFileBytes);
  const bool built = files.empty();
  for (const char* name : kTokenizerSettings) read(name, kMaxSettingsBytes);
  for (const char* name : kVocabularyFiles) {
    if (built) read(name, kMaxFileBytes);
  }
  if (files.empty()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("[{}] there is no tokenizer.json and no vocabulary, expected a folder with a tokenizer. Save "
                    "the tokenizer there with save_pretrained().",
                    model_dir.string()));
  }
  read("config.json", kMaxSettingsBytes);
  return files;
}

/// Whose reading of the files it is: 4 and 5 of transformers read the same files differently.
SavedBy find_saved_by(const std::map<std::string, std::string>& files, const std::filesystem::path& where) {
  const auto read = [&](const char* name) {
    const auto file = files.find(name);
    if (file == files.end()) return Json();
    return parse_json(without_mark(name, file->second), (where / name).string(), {.max_bytes = kMaxSettingsBytes});
  };
  return saved_by(read("config.json"), read("tokenizer_config.json"));
}

/// Refuses what Git leaves in place of a large file.
void check_fetched(const std::map<std::string, std::string>& files, const std::filesystem::path& where) {
  for (const auto& [name, content] : files) {
    refuse_git_lfs_pointer(content, (where / name).string());
  }
}

/// A text that the Rust library copies out, whatever its length.
template <typename Copy>
std::string copied(const Copy& copy) {
  std::string text(64, '\0');
  std::size_t size = copy(text.data(), text.size());
  if (size > text.size()) {
    text.resize(size);
    size = copy(text.data(), text.size());
  }
  text.resize(size);
  return text;
}

std::string piece(const PacelineTokenizer* tokenizer, int32_t id) {
  return copied([&](char* buffer, std::size_t size) { return paceline_tokenizer_token(tokenizer, id, buffer, size); });
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(excerpt(line, kMessageBytes));
  return lines;
}

/// Texts by falling length: the long ones first, so that none is still running when all others are done.
std::vector<std::size_t> longest_first(std::span<const Text> texts) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto bytes = [&](std::size_t i) {
    return texts[i].first.size() + (texts[i].second ? texts[i].second->size() : 0);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return bytes(a) > bytes(b); });
  return order;
}

}  // namespace

void on_tokenizer_out_of_memory(void (*handler)()) { paceline_rust_on_out_of_memory(handler); }

struct Tokenizer::State {
  std::unique_ptr<PacelineTokenizer, FreeTokenizer> rust;
  TokenizerOptions options;
  std::string path;
  std::string reading;

  Encoding encode(const Text& text) const;
  void check_known(const PacelineEncoding& encoding) const;
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&& other) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&& other) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& model_dir, const TokenizerOptions& options) {
  return load(read_tokenizer_files(model_dir), options, model_dir);
}

Tokenizer Tokenizer::load(const std::map<std::string, std::string>& contents, const TokenizerOptions& options,
                          const std::filesystem::path& where) {
  check_fetched(contents, where);
  std::vector<PacelineFile> files;
  for (const auto& [name, content] : contents) {
    files.push_back({.name = as_bytes(name), .content = as_bytes(without_mark(name, content))});
  }
  auto state = std::make_unique<State>();
  state->options = options;
  state->path = (contents.contains(kTokenizerFile) ? where / kTokenizerFile : where).string();

  const SavedBy saved = find_saved_by(contents, where);
  state->reading = fmt::format("transformers {}, {}", saved.tokenizer == 5 ? "5.24" : "4.57", saved.tokenizer_because);

  PacelineTokenizer* rust = nullptr;
  std::array<char, kMessageBytes> message{};
  const PacelineStatus status = paceline_tokenizer_load(
      files.data(), files.size(), static_cast<uint32_t>(saved.tokenizer), &rust, message.data(), message.size());
  if (status != kPacelineOk) {
    const bool may_be_mended = status != kPacelineUnsupported && status != kPacelineOutOfMemory;
    const char* hint = may_be_mended ? " Save the tokenizer again with save_pretrained()." : "";
    throw Error(error_code(status),
                fmt::format("[{}] {}.{}", where.string(), excerpt(message.data(), kMessageBytes), hint));
  }
  state->rust.reset(rust);

  const std::size_t special = paceline_tokenizer_special_tokens(rust, false);
  if (options.max_length < 0 || (options.max_length > 0 && static_cast<std::size_t>(options.max_length) <= special)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] max_length is {} tokens, expected more than the {} special tokens of a text.",
                            state->path, options.max_length, special));
  }
  const auto pair_room = options.max_length - static_cast<int64_t>(paceline_tokenizer_special_tokens(rust, true));
  if (options.windows && (options.max_length == 0 || options.stride < 0 || 2 * int64_t{options.stride} >= pair_room)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[stride] {} tokens were given, expected 0 to {} for windows of {}.", options.stride,
                            std::max<int64_t>(0, (pair_room - 1) / 2), options.max_length));
  }
  return Tokenizer(std::move(state));
}

Encoding Tokenizer::State::encode(const Text& text) const {
  const PacelineBytes second = text.second ? as_bytes(*text.second) : PacelineBytes{};
  RustEncoding result;
  std::array<char, kMessageBytes> message{};
  const PacelineTruncation truncation = {.max_length = static_cast<std::size_t>(options.max_length),
                                         .count_truncated = options.count_truncated,
                                         .windows = options.windows,
                                         .stride = static_cast<std::size_t>(options.stride)};
  const PacelineStatus status =
      paceline_tokenizer_encode(rust.get(), as_bytes(text.first), text.second ? &second : nullptr, truncation,
                                &result.value, message.data(), message.size());
  if (status == kPacelineOutOfMemory) {
    throw Error(ErrorCode::kResourceExhausted, fmt::format("[{}] {}.", path, message.data()));
  }
  if (status != kPacelineOk) {
    throw Error(error_code(status), fmt::format("[{}] {}, expected a text that it can encode.", path,
                                                excerpt(message.data(), kMessageBytes)));
  }

  const PacelineEncoding& value = result.value;
  check_known(value);
  Encoding encoding;
  encoding.input_ids.assign(value.input_ids, value.input_ids + value.size);
  if (options.token_types) {
    encoding.token_type_ids.assign(value.token_type_ids, value.token_type_ids + value.size);
  }
  encoding.truncated = static_cast<int32_t>(value.truncated);
  return encoding;
}

void Tokenizer::State::check_known(const PacelineEncoding& encoding) const {
  const auto first_beyond = [](std::span<const int32_t> values, int32_t known) {
    return known == 0 ? values.end()
                      : std::find_if(values.begin(), values.end(), [&](int32_t value) { return value >= known; });
  };
  const std::span<const int32_t> ids(encoding.input_ids, encoding.size), types(encoding.token_type_ids, encoding.size);
  if (const auto id = first_beyond(ids, options.known_ids); id != ids.end()) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] the text has the token \"{}\" with id {}, and the model knows ids below {}. Does the "
                            "tokenizer belong to this model?",
                            path, excerpt(piece(rust.get(), *id)), *id, options.known_ids));
  }
  if (const auto type = first_beyond(types, options.known_types); type != types.end()) {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] the text has tokens of type {}, and the model knows types below {}. Does the tokenizer "
                    "belong to this model?",
                    path, *type, options.known_types));
  }
}

Encoding Tokenizer::encode(const Text& text) const { return state_->encode(text); }

EncodedTexts Tokenizer::encode_all(std::span<const Text> texts, ThreadPool& pool) const {
  EncodedTexts encoded;
  encoded.encodings.resize(texts.size());
  std::mutex mutex;  // of the errors
  const std::vector<std::size_t> order = longest_first(texts);
  std::atomic<std::size_t> next{0};
  // One text at a turn: a text takes microseconds, the shared counter nanoseconds.
  const auto encode_turns = [&](int /*thread*/) {
    for (std::size_t turn = next++; turn < order.size(); turn = next++) {
      const std::size_t index = order[turn];
      try {
        encoded.encodings[index] = state_->encode(texts[index]);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kResourceExhausted) throw;  // of the machine, and no fault of this text
        const std::lock_guard lock(mutex);
        encoded.errors.push_back({.text = index, .code = error.code(), .message = error.what()});
      }
    }
  };
  pool.run(encode_turns);
  std::sort(encoded.errors.begin(), encoded.errors.end(),
            [](const TextError& left, const TextError& right) { return left.text < right.text; });
  return encoded;
}

std::string Tokenizer::token(int32_t id) const { return piece(state_->rust.get(), id); }

bool Tokenizer::hands_out_types() const { return state_->options.token_types; }

int32_t Tokenizer::special_tokens(bool pair) const {
  return static_cast<int32_t>(paceline_tokenizer_special_tokens(state_->rust.get(), pair));
}

std::string Tokenizer::kind() const {
  return copied(
      [&](char* buffer, std::size_t size) { return paceline_tokenizer_kind(state_->rust.get(), buffer, size); });
}

std::string Tokenizer::origin() const {
  return copied(
      [&](char* buffer, std::size_t size) { return paceline_tokenizer_origin(state_->rust.get(), buffer, size); });
}

std::string Tokenizer::reading() const { return state_->reading; }

std::vector<std::string> Tokenizer::applied() const {
  return lines_of(copied(
      [&](char* buffer, std::size_t size) { return paceline_tokenizer_applied(state_->rust.get(), buffer, size); }));
}

std::vector<std::string> Tokenizer::notes() const {
  return lines_of(copied(
      [&](char* buffer, std::size_t size) { return paceline_tokenizer_notes(state_->rust.get(), buffer, size); }));
}

int32_t Tokenizer::vocab_size() const {
  return static_cast<int32_t>(paceline_tokenizer_vocab_size(state_->rust.get()));
}

}  // namespace paceline
