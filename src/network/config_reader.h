#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "network/architectures.h"
#include "network/network.h"

namespace paceline {

/// Bounds on what a config.json may ask for: several times what the largest published encoders have, and small enough
/// that no product of two sizes leaves 64 bits.
inline constexpr int64_t kMostVocabulary = int64_t{1} << 24;
inline constexpr int64_t kMostHidden = 1 << 16;
inline constexpr int64_t kMostIntermediate = 1 << 18;
inline constexpr int64_t kMostLayers = 1000;
inline constexpr int64_t kMostPositions = 1 << 20;
inline constexpr int64_t kMostTokenTypes = 1024;

/// Reads the fields of a config.json that describe a network. Everything throws Error{corrupt_data} for what is
/// missing, absurd or contradictory, and Error{unsupported} for what is not built, naming the field. A fallback is what
/// transformers takes where the field is missing or null.
class ConfigReader {
 public:
  explicit ConfigReader(const ArchitectureInput& input) : input_(input) {}

  /// From 1 to `most`.
  int32_t size(std::string_view key, int64_t most, std::optional<int64_t> fallback = std::nullopt) const;
  /// From 0 to `most`.
  int32_t count(std::string_view key, int64_t most, int32_t fallback) const;
  double number(std::string_view key, double low, double high, double fallback) const;
  /// Of dropout, from 0 to 1.
  double share(std::string_view key, double fallback) const { return number(key, 0, 1, fallback); }
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  /// A list of numbers from `low` to `high`.
  std::vector<double> numbers(std::string_view key, double low, double high) const;
  /// A list of texts.
  std::vector<std::string> texts(std::string_view key) const;
  /// An element-wise function by the name that transformers has for it.
  Activation activation(std::string_view key, std::string_view fallback) const;
  /// An id below `vocab_size`.
  int32_t token_id(std::string_view key, int32_t vocab_size, int32_t fallback) const;

  /// There, but null.
  bool is_null(std::string_view key) const;
  /// There and not null.
  bool has(std::string_view key) const;

  /// Refuses a text that is none of the supported ones.
  std::string one_of(std::string_view key, std::initializer_list<std::string_view> supported,
                     std::string_view fallback) const;
  /// Refuses what changes the arithmetic of any encoder: decoders, quantised weights, pruned heads.
  void refuse_other_models() const;
  /// The part of it that decoders may not have either: quantised weights, pruned heads.
  void refuse_other_weights() const;
  /// Refuses a true flag, saying what was expected instead.
  void refuse_flag(std::string_view key, std::string_view expected) const;
  void refuse_unless_absolute() const;
  /// `hidden` divided by `heads`.
  int32_t head_dim(std::string_view hidden_key, int32_t hidden, std::string_view heads_key, int32_t heads) const;

  [[noreturn]] void refuse(std::string_view what) const;
  [[noreturn]] void contradiction(std::string_view what) const;

 private:
  const ArchitectureInput& input_;
};

}  // namespace paceline
