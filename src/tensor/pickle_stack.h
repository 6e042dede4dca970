#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/pickle_bytes.h"
#include "tensor/pickle_reader.h"

namespace paceline {

/// The values that a pickle has made, the stack of those that it works on, its marks in that, and its memo. Values are
/// named by their index. Refuses, at the place that `bytes` has reached, what the stack does not hold.
class PickleStack {
 public:
  static constexpr std::size_t kMostValues = std::size_t{1} << 21;

  explicit PickleStack(const PickleBytes& bytes) : bytes_(bytes) {}

  /// Makes a value.
  void push(PickleValue value);
  void push_again(uint32_t value);
  void mark();

  /// Nothing below the innermost mark may be taken.
  std::vector<uint32_t> pop_many(std::size_t count);
  std::vector<uint32_t> pop_to_mark();
  PickleValue& top();

  /// Keeps the top in the memo, as an entry or as the next one.
  void put(std::size_t index);
  void put_next() { put(memo_.size()); }
  void get(std::size_t index);

  const PickleValue& value(uint32_t value) const { return values_[value]; }
  std::string_view text(uint32_t value) const;
  const std::vector<uint32_t>& tuple(uint32_t value) const;

  /// At STOP, where one value must be left. Call it last.
  Pickle finish();

 private:
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  const PickleBytes& bytes_;
  std::vector<PickleValue> values_;
  std::vector<uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::vector<uint32_t> memo_;
};

}  // namespace paceline
