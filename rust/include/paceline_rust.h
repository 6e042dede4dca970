#pragma once

/// The C ABI of the Rust static library: Hugging Face tokenizers.
///
/// Every function returns a PacelineStatus and never unwinds, prints or aborts: a panic inside becomes a status, and so
/// does memory that ends, but for what paceline_rust_on_out_of_memory says.
/// Where a function fails it writes one sentence into `message` (if not null), cut to `message_size` bytes at a
/// character boundary and ended by NUL; on success it leaves `message` alone. Strings are UTF-8 and need no NUL.
///
/// Ownership: what a function returns through an `out` pointer belongs to the caller until the matching _free.
/// Bytes passed in are only read during the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum PacelineStatus {
  kPacelineOk = 0,
  kPacelineInvalidArgument =
      1,                     ///< text that is not UTF-8, a max_length smaller than the special tokens, a null pointer
  kPacelineUnsupported = 2,  ///< well formed, but its ids would be random, it adds no special tokens, or is of a class
                             ///< that is not built from vocabulary files
  kPacelineCorruptData = 3,  ///< not a tokenizer, one that contradicts itself, or one that makes the library fail
  kPacelineNotFound = 4,     ///< neither a tokenizer.json nor the vocabulary files of the class
  kPacelineOutOfMemory = 5,  ///< memory ended before the call, or within it
} PacelineStatus;

/// Borrowed bytes. `data` may be null where `size` is 0.
typedef struct PacelineBytes {
  const uint8_t* data;
  size_t size;
} PacelineBytes;

/// One file of a model folder, by its name.
typedef struct PacelineFile {
  PacelineBytes name;
  PacelineBytes content;
} PacelineFile;

/// A loaded tokenizer. Immutable: any number of threads may encode with it at the same time.
typedef struct PacelineTokenizer PacelineTokenizer;

/// How much of a text is encoded.
typedef struct PacelineTruncation {
  size_t max_length;     ///< tokens, special ones included; 0: no limit
  bool count_truncated;  ///< encode a long text to its end, so that PacelineEncoding::truncated is exact
  bool windows;          ///< window after window in one PacelineEncoding, all but the last of max_length tokens
  size_t stride;         ///< tokens that a window shares with the one before it; less than half of the room
} PacelineTruncation;

/// One encoded text or pair, owned by the library until paceline_encoding_free.
typedef struct PacelineEncoding {
  int32_t* input_ids;       ///< [size], special tokens included
  int32_t* token_type_ids;  ///< [size]
  size_t size;              ///< tokens
  size_t truncated;  ///< tokens of the text that were cut off; without count_truncated at least 1 where there are any
} PacelineEncoding;

/// Each call puts memory aside before it begins, and ends with kPacelineOutOfMemory where it had to take of that.
/// `handler` is called by any thread that has used up that, too, and has to end the process: where it returns, or
/// without one (null), Rust prints and aborts. It must not unwind.
void paceline_rust_on_out_of_memory(void (*handler)(void));

/// Makes the tokenizer of a model folder from what it has of tokenizer.json, tokenizer_config.json,
/// special_tokens_map.json, added_tokens.json, config.json, vocab.txt, vocab.json, merges.txt, sentencepiece.bpe.model,
/// spiece.model and spm.model. Over a tokenizer.json goes what transformers changes of it by the other JSON files; its
/// padding and its length of truncation are ignored. Without one the tokenizer is built as transformers does. The class
/// is named by tokenizer_class, else by config.json's model_type. `transformers`: 4 for the reading of 4.57, 5 for that
/// of 5.24.
PacelineStatus paceline_tokenizer_load(const PacelineFile* files, size_t file_count, uint32_t transformers,
                                       PacelineTokenizer** out, char* message, size_t message_size);

/// Null is allowed.
void paceline_tokenizer_free(PacelineTokenizer* tokenizer);

/// Encodes `first`, or the pair `first`, `second` (null: no pair), with special tokens. More than `max_length` tokens
/// are cut from the end (from the beginning where truncation_side says left): the longer text down to the shorter, then
/// both alike. An odd token stays with the text that was longer, with the second where both were as long. Where the
/// tokenizer allows it, the end of a long text is not read.
PacelineStatus paceline_tokenizer_encode(const PacelineTokenizer* tokenizer, PacelineBytes first,
                                         const PacelineBytes* second, PacelineTruncation truncation,
                                         PacelineEncoding* out, char* message, size_t message_size);

/// Frees the arrays and zeroes the struct. A zeroed struct is allowed.
void paceline_encoding_free(PacelineEncoding* encoding);

/// Special tokens that encoding adds to a text, or to a pair.
size_t paceline_tokenizer_special_tokens(const PacelineTokenizer* tokenizer, bool pair);

/// Distinct entries, added tokens included.
size_t paceline_tokenizer_vocab_size(const PacelineTokenizer* tokenizer);

/// Writes the piece behind `id` into `buffer`, cut to `capacity` bytes and without NUL. Returns the bytes it has; 0
/// where there is no such id.
size_t paceline_tokenizer_token(const PacelineTokenizer* tokenizer, int32_t id, char* buffer, size_t capacity);

/// As paceline_tokenizer_token: the kind of its model, "WordPiece", "BPE", "Unigram" or "WordLevel".
size_t paceline_tokenizer_kind(const PacelineTokenizer* tokenizer, char* buffer, size_t capacity);

/// As paceline_tokenizer_token: the files that it was made from, such as "vocab.txt + tokenizer_config.json".
size_t paceline_tokenizer_origin(const PacelineTokenizer* tokenizer, char* buffer, size_t capacity);

/// As paceline_tokenizer_token: what other files changed of a tokenizer.json, a clause a line.
size_t paceline_tokenizer_applied(const PacelineTokenizer* tokenizer, char* buffer, size_t capacity);

/// As paceline_tokenizer_token: what these files ask for that is not done, a clause a line.
size_t paceline_tokenizer_notes(const PacelineTokenizer* tokenizer, char* buffer, size_t capacity);

#ifdef __cplusplus
}  // extern "C"
#endif
