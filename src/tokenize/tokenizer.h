#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "paceline/error.h"

namespace paceline {

/// What is classified: one text, or a pair of them.
struct Text {
  std::string first;                  ///< UTF-8
  std::optional<std::string> second;  ///< UTF-8
};

/// A text as the model reads it.
struct Encoding {
  std::vector<int32_t> input_ids;       ///< with special tokens
  std::vector<int32_t> token_type_ids;  ///< as long as input_ids, or empty where the model gets none
  int32_t truncated = 0;                ///< tokens that were cut off to fit max_length; see count_truncated
};

/// A text that cannot be encoded.
struct TextError {
  std::size_t text = 0;  ///< its place among those given
  ErrorCode code = ErrorCode::kCorruptData;
  std::string message;  ///< as an Error's
};

struct EncodedTexts {
  std::vector<Encoding> encodings;  ///< one for each text; without ids where it has an error
  std::vector<TextError> errors;    ///< in the texts' order
};

struct TokenizerOptions {
  int32_t max_length = 0;    ///< tokens, special ones included; the model's limit; 0: none
  bool token_types = false;  ///< fill token_type_ids
  int32_t known_ids = 0;     ///< ids that the model has rows for, from 0; a text with another one is refused; 0: any
  int32_t known_types = 0;   ///< the same for token types, filled or not
  /// Makes Encoding::truncated exact; else it is at least 1 where anything was cut off, and the end of a text that is
  /// far too long is mostly not read.
  bool count_truncated = false;
  /// Instead of cutting a text off, append window after window of it: each but the last has max_length tokens, special
  /// ones included, and shares `stride` tokens of the text with the one before. Of a pair the first text is read in
  /// windows, and the second stands in each; that one is cut where it takes more than half of the room, or leaves less
  /// than twice the stride.
  bool windows = false;
  int32_t stride = 0;  ///< less than half of the room beside a pair's special tokens
};

/// Where memory ends, load and encode throw Error resource_exhausted: they put some aside before they begin. `handler`
/// is called by a thread that has used up that, too, and has to end the process: the tokenizer library would print and
/// abort. It must neither throw nor allocate.
void on_tokenizer_out_of_memory(void (*handler)());

/// The tokenizer of a model folder: a Hugging Face tokenizer.json with what transformers changes of it by
/// tokenizer_config.json, or one built from vocab.txt, vocab.json + merges.txt or a SentencePiece model as transformers
/// builds it; 4 or 5, whichever saved the folder. The file's own padding and length are ignored; longest-first
/// truncation at max_length, from the side that the files name. Immutable once loaded: any number of threads may encode
/// at the same time.
class Tokenizer {
 public:
  /// Throws Error: not_found; corrupt_data, also for files that contradict each other or make the tokenizer library
  /// panic; unsupported for one that asks for random ids (BPE dropout), is of a class that is not built from vocabulary
  /// files, or adds no special tokens where the model needs them; invalid_argument for a max_length that leaves no room
  /// beside the special tokens, or for a stride out of range.
  static Tokenizer load(const std::filesystem::path& model_dir, const TokenizerOptions& options);
  /// The same from files in memory, by name; `where` stands in messages for the folder.
  static Tokenizer load(const std::map<std::string, std::string>& files, const TokenizerOptions& options,
                        const std::filesystem::path& where);
  Tokenizer(Tokenizer&& other) noexcept;
  Tokenizer& operator=(Tokenizer&& other) noexcept;
  ~Tokenizer();

  /// Throws Error: invalid_argument for a text that is not UTF-8; corrupt_data where the file makes the library fail on
  /// this text, or gives it an id or a type that the model has no row for; unsupported for one that would take for
  /// ever.
  Encoding encode(const Text& text) const;

  /// encode for each text, shared out over the pool's threads. Where encode would throw an Error, the text has one here
  /// and the others are encoded. Throws Error{resource_exhausted}: memory that ends is no fault of a text.
  EncodedTexts encode_all(std::span<const Text> texts, ThreadPool& pool) const;

  /// The piece behind an id, as `tokenize` shows it; empty where the vocabulary has none.
  std::string token(int32_t id) const;

  /// TokenizerOptions::token_types.
  bool hands_out_types() const;

  /// How many tokens stand around a text, or a pair of texts.
  int32_t special_tokens(bool pair) const;
  /// Whether an empty text has tokens, special ones. Without them it has none, and no model can read it.
  bool adds_special_tokens() const { return special_tokens(false) > 0; }

  /// The kind of its model: "WordPiece", "BPE", "Unigram" or "WordLevel".
  std::string kind() const;

  /// The files that it was made from: "tokenizer.json", or such as "vocab.txt + tokenizer_config.json".
  std::string origin() const;

  /// Which version of transformers it is read as and what shows that: "transformers 5.24, as tokenizer_config.json's
  /// backend shows".
  std::string reading() const;

  /// What tokenizer_config.json and the files beside it, or the class that transformers reads them with, changed of a
  /// tokenizer.json; one clause each.
  std::vector<std::string> applied() const;

  /// What these files ask for and is not done, one clause each.
  std::vector<std::string> notes() const;

  /// Entries, added tokens included.
  int32_t vocab_size() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace paceline
