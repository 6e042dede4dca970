#include "tensor/pickle_stack.h"

#include <fmt/format.h>

#include <utility>

#include "paceline/error.h"

namespace paceline {

using Kind = PickleValue::Kind;

void PickleStack::push(PickleValue value) {
  if (values_.size() >= kMostValues) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the pickle has more than {} values, which no file of weights needs.", bytes_.where(),
                            kMostValues));
  }
  values_.push_back(std::move(value));
  push_again(static_cast<uint32_t>(values_.size() - 1));
}

void PickleStack::push_again(uint32_t value) {
  if (stack_.size() >= kMostValues) bytes_.refuse("it nests too deeply");
  stack_.push_back(value);
}

void PickleStack::mark() {
  if (marks_.size() >= kMostValues) bytes_.refuse("it nests too deeply");
  marks_.push_back(stack_.size());
}

std::vector<uint32_t> PickleStack::pop_many(std::size_t count) {
  if (stack_.size() - floor() < count) bytes_.refuse("a value is missing");
  std::vector<uint32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return items;
}

std::vector<uint32_t> PickleStack::pop_to_mark() {
  if (marks_.empty()) bytes_.refuse("a mark is missing");
  std::vector<uint32_t> items = pop_many(stack_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

PickleValue& PickleStack::top() {
  if (stack_.size() == floor()) bytes_.refuse("a value is missing");
  return values_[stack_.back()];
}

/// Every pickler numbers its memo without gaps, so that a large number cannot claim memory.
void PickleStack::put(std::size_t index) {
  top();
  if (index > memo_.size())
    bytes_.refuse(fmt::format("the memo has {} entries, number {} was written", memo_.size(), index));
  if (index == memo_.size()) {
    memo_.push_back(stack_.back());
  } else {
    memo_[index] = stack_.back();
  }
}

void PickleStack::get(std::size_t index) {
  if (index >= memo_.size()) bytes_.refuse(fmt::format("the memo has no entry {}", index));
  push_again(memo_[index]);
}

std::string_view PickleStack::text(uint32_t value) const {
  if (values_[value].kind != Kind::kText) bytes_.refuse("a text was expected");
  return values_[value].text;
}

const std::vector<uint32_t>& PickleStack::tuple(uint32_t value) const {
  if (values_[value].kind != Kind::kTuple) bytes_.refuse("a tuple was expected");
  return values_[value].items;
}

Pickle PickleStack::finish() {
  if (stack_.size() != 1 || !marks_.empty()) {
    bytes_.refuse(fmt::format("{} values are left at its end", stack_.size()));
  }
  return {.values = std::move(values_), .root = stack_.front(), .bytes = bytes_.position()};
}

}  // namespace paceline
