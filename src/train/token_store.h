#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/file.h"
#include "paceline/packed_batch.h"
#include "tokenize/tokenizer.h"

namespace paceline {

/// What each text of a store has beside its token ids.
struct TokenStoreForm {
  bool token_types = false;
  int32_t targets = 1;  ///< numbers that say what is expected of it
};

/// Tokenized texts and what is expected of them, in files: a split may be larger than memory. A text costs none here.
class TokenStore {
 public:
  int64_t texts() const { return texts_; }
  int64_t tokens() const { return tokens_; }
  int32_t targets() const { return form_.targets; }

  /// Tokens of every text, in their order.
  std::vector<int32_t> lengths() const;

  /// Appends a text to the batch, and its targets. Throws as MappedFile::copy.
  void append(int64_t text, PackedBatch& batch, std::vector<float>& targets) const;
  /// The targets alone; `out` is targets() long.
  void read_targets(int64_t text, std::span<float> out) const;

 private:
  friend class TokenStoreWriter;
  TokenStore() = default;
  std::size_t words_per_token() const { return form_.token_types ? 2 : 1; }

  TokenStoreForm form_;
  MappedFile index_;    ///< uint64 [texts + 1]: where the record of each text begins
  MappedFile records_;  ///< a text's targets (float), ids and token types (int32)
  int64_t texts_ = 0;
  int64_t tokens_ = 0;
};

class TokenStoreWriter {
 public:
  static constexpr std::array<const char*, 2> kEndings{".index", ".records"};

  /// `place`: the files are called so, with kEndings behind. Throws as AtomicFile.
  TokenStoreWriter(const std::filesystem::path& place, const TokenStoreForm& form);

  /// `targets` is form.targets long.
  void add(const Encoding& encoding, std::span<const float> targets);
  /// Once all were added.
  TokenStore finish();

 private:
  std::filesystem::path index_path_, records_path_;
  AtomicFile index_;
  AtomicFile records_;
  TokenStore store_;
};

}  // namespace paceline
