#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace paceline {

/// A regular expression over the names of modules, as Python's re reads it: characters, sets, groups, choices,
/// repetitions, ^ and $. Matching never goes back, so that no expression takes exponential time.
class NamePattern {
 public:
  /// Empty for what is not read here: look-around, references to groups, flags, \b, characters beyond ASCII, mistakes.
  static std::optional<NamePattern> parse(std::string_view text);

  /// Whether the name begins with a match, as re.match says; never where it is not ASCII. Empty where finding out takes
  /// too long.
  std::optional<bool> matches(std::string_view name) const;

  struct Node;

 private:
  explicit NamePattern(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace paceline
