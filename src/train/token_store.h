#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/file.h"
#include "evaluate/expected_labels.h"
#include "paceline/packed_batch.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// What each text of a store has beside its token ids.
struct TokenStoreForm {
  bool token_types = false;
  bool teacher_types = false;  ///< token types as a teacher gets them
  bool value = false;          ///< a number is expected of it, instead of labels
};

/// Tokenized texts and what is expected of them, in files: a split may be larger than memory. A text costs none here,
/// and a label costs room only in the texts that have it.
class TokenStore {
 public:
  int64_t texts() const { return texts_; }
  int64_t tokens() const { return tokens_; }

  /// Tokens of every text, in their order.
  std::vector<int32_t> lengths() const;

  /// Appends a text to the batch, and its types for a teacher; gives what is expected of it. Throws as
  /// MappedFile::copy.
  Expected append(int64_t text, PackedBatch& batch, std::vector<int32_t>& teacher_types) const;
  /// The same without the text.
  Expected expected(int64_t text) const;

 private:
  friend class TokenStoreWriter;
  /// Where the record of a text begins, and the words of its parts.
  struct Place {
    uint64_t first_byte = 0;
    uint32_t expected = 0;
    uint32_t tokens = 0;
  };
  TokenStore() = default;
  Place place(int64_t text) const;
  Expected expected(const Place& place) const;

  TokenStoreForm form_;
  MappedFile index_;  ///< Place [texts]
  MappedFile
      records_;  ///< a text's labels (int32) or value (float), ids and token types (int32), those of a teacher last
  int64_t texts_ = 0;
  int64_t tokens_ = 0;
};

class TokenStoreWriter {
 public:
  static constexpr std::array<const char*, 2> kEndings{".index", ".records"};

  /// `place`: the files are called so, with kEndings behind. Throws as AtomicFile.
  TokenStoreWriter(const std::filesystem::path& place, const TokenStoreForm& form);

  /// `teacher_types`: as many as ids, or none where the form has none.
  void add(const Encoding& encoding, std::span<const int32_t> teacher_types, const Expected& expected);
  /// Once all were added.
  TokenStore finish();

 private:
  std::filesystem::path index_path_, records_path_;
  AtomicFile index_;
  AtomicFile records_;
  TokenStore store_;
};

}  // namespace paceline
