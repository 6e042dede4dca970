#include "tensor/pickle_objects.h"

#include <fmt/format.h>

#include <utility>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;
using Role = PickleGlobal::Role;

constexpr std::size_t kMostArguments = 8;

}  // namespace

void PickleObjects::push_global(std::string_view module, std::string_view name) {
  stack_.push({.kind = Kind::kGlobal, .number = find_pickle_global(module, name, bytes_.where())});
}

const PickleGlobal& PickleObjects::global(uint32_t value) const {
  if (stack_.value(value).kind != Kind::kGlobal) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the pickle calls, at byte {}, what is no function; only "
                                                     "tensors were expected.",
                                                     bytes_.where(), bytes_.position()));
  }
  return pickle_global(stack_.value(value).number);
}

void PickleObjects::push_storage(uint32_t id) {
  const std::vector<uint32_t>& parts = stack_.tuple(id);
  if (parts.size() < 5 || parts.size() > 6 || stack_.text(parts[0]) != "storage") {
    bytes_.refuse("a storage with type, key, location and size was expected");
  }
  const PickleGlobal& type = global(parts[1]);
  if (type.role != Role::kStorageType) bytes_.refuse("a storage has no storage type");
  const PickleValue& elements = stack_.value(parts[4]);
  if (elements.kind != Kind::kInteger || elements.number < 0) bytes_.refuse("a storage has no size");
  if (parts.size() == 6 && stack_.value(parts[5]).kind != Kind::kNone) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the storage {} is a view of another, as torch before 0.4 wrote them. Save the file "
                            "again with a newer torch.",
                            bytes_.where(), excerpt(stack_.text(parts[2]))));
  }
  stack_.push({.kind = Kind::kStorage, .dtype = type.dtype, .number = elements.number, .text = stack_.text(parts[2])});
}

void PickleObjects::reduce() {
  const std::vector<uint32_t> call = stack_.pop_many(2);
  const PickleGlobal& function = global(call[0]);
  if (stack_.tuple(call[1]).size() > kMostArguments) bytes_.refuse("too many arguments");
  const std::vector<uint32_t> arguments = stack_.tuple(call[1]);
  switch (function.role) {
    case Role::kOrderedDict:
      make_ordered_dict(arguments);
      return;
    case Role::kRebuildTensor:
      if (arguments.size() < 4 || stack_.value(arguments[0]).kind != Kind::kStorage) {
        bytes_.refuse("a tensor with storage, offset, sizes and strides was expected");
      }
      stack_.push({.kind = Kind::kTensor, .items = {arguments.begin(), arguments.begin() + 4}});
      return;
    case Role::kRebuildParameter:
      if (arguments.empty() || stack_.value(arguments[0]).kind != Kind::kTensor)
        bytes_.refuse("a parameter has no tensor");
      stack_.push_again(arguments[0]);
      return;
    case Role::kStorageType:
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the file calls {}.{}, which was not run; only tensors were expected.",
                              bytes_.where(), function.module, function.name));
  }
}

/// Without arguments, or, as Python 2 wrote it, with a list of pairs.
void PickleObjects::make_ordered_dict(const std::vector<uint32_t>& arguments) {
  PickleValue dict{.kind = Kind::kDict};
  if (!arguments.empty()) {
    if (arguments.size() != 1 || stack_.value(arguments[0]).kind != Kind::kList)
      bytes_.refuse("a list of pairs was expected");
    const std::vector<uint32_t>& pairs = stack_.value(arguments[0]).items;
    if (pairs.size() > PickleStack::kMostValues - copied_) bytes_.refuse("too many values");
    copied_ += pairs.size();
    for (const uint32_t item : pairs) {
      const PickleValue& pair = stack_.value(item);
      if ((pair.kind != Kind::kTuple && pair.kind != Kind::kList) || pair.items.size() != 2) {
        bytes_.refuse("a list of pairs was expected");
      }
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
  }
  stack_.push(std::move(dict));
}

void PickleObjects::build() {
  stack_.pop_many(1);
  if (stack_.top().kind != Kind::kDict) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[{}] the pickle sets, at byte {}, the state of what is no dict; only tensors were "
                            "expected.",
                            bytes_.where(), bytes_.position()));
  }
}

}  // namespace paceline
