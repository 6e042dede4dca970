#include "tensor/pickle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "paceline/error.h"
#include "tensor/pickle_globals.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;
using Role = PickleGlobal::Role;

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::size_t kMostValues = std::size_t{1} << 21;
constexpr std::size_t kMostArguments = 8;
constexpr uint8_t kOldestProtocol = 2;
constexpr uint8_t kNewestProtocol = 5;

/// The names that Python's pickletools gives to what is read.
enum class Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

/// What a message calls an opcode that is refused: those that make objects or run code by their names.
std::string opcode_name(uint8_t code) {
  constexpr std::pair<uint8_t, std::string_view> kNames[] = {
      {'i', "INST"},   {'o', "OBJ"},        {0x81, "NEWOBJ"}, {0x82, "EXT1"},        {0x83, "EXT2"},     {0x84, "EXT4"},
      {'P', "PERSID"}, {0x92, "NEWOBJ_EX"}, {'S', "STRING"},  {0x97, "NEXT_BUFFER"}, {0x8f, "EMPTY_SET"}};
  for (const auto& [known, name] : kNames) {
    if (known == code) return std::string(name);
  }
  return fmt::format("0x{:02x}", code);
}

class Machine {
 public:
  Machine(std::span<const std::byte> data, std::string_view where) : data_(data), where_(where) {}

  Pickle run() {
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty()) refuse(fmt::format("{} values are left at its end", stack_.size()));
    return {.values = std::move(values_), .root = stack_.front(), .bytes = at_};
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] the pickle makes no sense at byte {}: {}. Is the file truncated?", where_, at_, what));
  }

  /// One opcode; false at STOP. Opcodes are tried in groups, each of which knows its own.
  bool step() {
    const auto code = read_number<uint8_t>();
    const auto opcode = static_cast<Opcode>(code);
    if (opcode == Opcode::kStop) return false;
    if (!step_scalar(opcode) && !step_text(opcode) && !step_container(opcode) && !step_stack(opcode) &&
        !step_object(opcode)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the pickle has the opcode {} at byte {}, which no file of tensors needs. Save the "
                              "state_dict as safetensors.",
                              where_, opcode_name(code), at_ - 1));
    }
    return true;
  }

  bool step_scalar(Opcode opcode) {
    switch (opcode) {
      case Opcode::kNone:
        push({.kind = Kind::kNone});
        return true;
      case Opcode::kNewTrue:
      case Opcode::kNewFalse:
        push({.kind = Kind::kBool, .number = opcode == Opcode::kNewTrue ? 1 : 0});
        return true;
      case Opcode::kBinInt:
        push({.kind = Kind::kInteger, .number = read_number<int32_t>()});
        return true;
      case Opcode::kBinInt1:
        push({.kind = Kind::kInteger, .number = read_number<uint8_t>()});
        return true;
      case Opcode::kBinInt2:
        push({.kind = Kind::kInteger, .number = read_number<uint16_t>()});
        return true;
      case Opcode::kLong1:
        push_long(read_text(read_number<uint8_t>()));
        return true;
      case Opcode::kBinFloat:
        read_text(sizeof(double));
        push({.kind = Kind::kFloat});
        return true;
      default:
        return false;
    }
  }

  bool step_text(Opcode opcode) {
    switch (opcode) {
      case Opcode::kShortBinString:
      case Opcode::kShortBinBytes:
      case Opcode::kShortBinUnicode:
        push_text(read_number<uint8_t>());
        return true;
      case Opcode::kBinString:
      case Opcode::kBinBytes:
      case Opcode::kBinUnicode:
        push_text(read_number<uint32_t>());
        return true;
      case Opcode::kBinUnicode8:
        push_text(read_number<uint64_t>());
        return true;
      default:
        return false;
    }
  }

  bool step_container(Opcode opcode) {
    switch (opcode) {
      case Opcode::kEmptyTuple:
        push({.kind = Kind::kTuple});
        return true;
      case Opcode::kEmptyList:
        push({.kind = Kind::kList});
        return true;
      case Opcode::kEmptyDict:
        push({.kind = Kind::kDict});
        return true;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3:
        push_tuple(pop_many(static_cast<std::size_t>(opcode) - static_cast<std::size_t>(Opcode::kTuple1) + 1));
        return true;
      case Opcode::kTuple:
        push_tuple(pop_to_mark());
        return true;
      case Opcode::kAppend:
        extend(Kind::kList, pop_many(1));
        return true;
      case Opcode::kAppends:
        extend(Kind::kList, pop_to_mark());
        return true;
      case Opcode::kSetItem:
        extend(Kind::kDict, pop_many(2));
        return true;
      case Opcode::kSetItems:
        extend(Kind::kDict, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool step_stack(Opcode opcode) {
    switch (opcode) {
      case Opcode::kMark:
        if (marks_.size() >= kMostValues) refuse("it nests too deeply");
        marks_.push_back(stack_.size());
        return true;
      case Opcode::kPop:
        pop_many(1);
        return true;
      case Opcode::kPopMark:
        pop_to_mark();
        return true;
      case Opcode::kBinPut:
        put(read_number<uint8_t>());
        return true;
      case Opcode::kLongBinPut:
        put(read_number<uint32_t>());
        return true;
      case Opcode::kMemoize:
        put(memo_.size());
        return true;
      case Opcode::kBinGet:
        get(read_number<uint8_t>());
        return true;
      case Opcode::kLongBinGet:
        get(read_number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  bool step_object(Opcode opcode) {
    switch (opcode) {
      case Opcode::kProto:
        if (const auto protocol = read_number<uint8_t>(); protocol < kOldestProtocol || protocol > kNewestProtocol) {
          throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the pickle has protocol {}, {} to {} are read.",
                                                           where_, protocol, kOldestProtocol, kNewestProtocol));
        }
        return true;
      case Opcode::kFrame:
        if (read_number<uint64_t>() > data_.size() - at_) refuse("a frame reaches beyond the end");
        return true;
      case Opcode::kGlobal: {
        const std::string_view module = read_line();
        push_global(module, read_line());
        return true;
      }
      case Opcode::kStackGlobal: {
        const std::vector<uint32_t> names = pop_many(2);
        push_global(text(names[0]), text(names[1]));
        return true;
      }
      case Opcode::kBinPersId:
        push_storage(pop_many(1)[0]);
        return true;
      case Opcode::kReduce:
        reduce();
        return true;
      case Opcode::kBuild:
        build();
        return true;
      default:
        return false;
    }
  }

  template <class T>
  T read_number() {
    const std::string_view bytes = read_text(sizeof(T));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  std::string_view read_text(uint64_t bytes) {
    if (bytes > data_.size() - at_)
      refuse(fmt::format("{} bytes were announced, {} follow", bytes, data_.size() - at_));
    const std::string_view text(reinterpret_cast<const char*>(data_.data()) + at_, static_cast<std::size_t>(bytes));
    at_ += text.size();
    return text;
  }

  std::string_view read_line() {
    const std::string_view rest(reinterpret_cast<const char*>(data_.data()) + at_, data_.size() - at_);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) refuse("a name does not end");
    at_ += end + 1;
    return rest.substr(0, end);
  }

  void push(PickleValue value) {
    if (values_.size() >= kMostValues) {
      throw Error(
          ErrorCode::kUnsupported,
          fmt::format("[{}] the pickle has more than {} values, which no file of weights needs.", where_, kMostValues));
    }
    values_.push_back(std::move(value));
    push_again(static_cast<uint32_t>(values_.size() - 1));
  }

  void push_again(uint32_t value) {
    if (stack_.size() >= kMostValues) refuse("it nests too deeply");
    stack_.push_back(value);
  }

  void push_text(uint64_t bytes) { push({.kind = Kind::kText, .text = read_text(bytes)}); }

  void push_tuple(std::vector<uint32_t> items) { push({.kind = Kind::kTuple, .items = std::move(items)}); }

  void push_long(std::string_view bytes) {
    if (bytes.size() > sizeof(int64_t)) {
      push({.kind = Kind::kLong, .text = bytes});
      return;
    }
    const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
    int64_t number = negative ? -1 : 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    push({.kind = Kind::kInteger, .number = number});
  }

  void push_global(std::string_view module, std::string_view name) {
    push({.kind = Kind::kGlobal, .number = find_pickle_global(module, name, where_)});
  }

  /// Nothing below the innermost mark may be taken.
  std::vector<uint32_t> pop_many(std::size_t count) {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) refuse("a value is missing");
    std::vector<uint32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    std::vector<uint32_t> items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  PickleValue& top() {
    if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
    return values_[stack_.back()];
  }

  void extend(Kind kind, const std::vector<uint32_t>& items) {
    PickleValue& target = top();
    if (target.kind != kind) refuse(kind == Kind::kList ? "only a list can be extended" : "only a dict has items");
    if (kind == Kind::kDict && items.size() % 2 != 0) refuse("a key has no value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  /// Every pickler numbers its memo without gaps, so that a large number cannot claim memory.
  void put(std::size_t index) {
    top();
    if (index > memo_.size())
      refuse(fmt::format("the memo has {} entries, number {} was written", memo_.size(), index));
    if (index == memo_.size()) {
      memo_.push_back(stack_.back());
    } else {
      memo_[index] = stack_.back();
    }
  }

  void get(std::size_t index) {
    if (index >= memo_.size()) refuse(fmt::format("the memo has no entry {}", index));
    push_again(memo_[index]);
  }

  std::string_view text(uint32_t value) const {
    if (values_[value].kind != Kind::kText) refuse("a text was expected");
    return values_[value].text;
  }

  const std::vector<uint32_t>& tuple(uint32_t value) const {
    if (values_[value].kind != Kind::kTuple) refuse("a tuple was expected");
    return values_[value].items;
  }

  const PickleGlobal& global(uint32_t value) const {
    if (values_[value].kind != Kind::kGlobal) {
      throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the pickle calls, at byte {}, what is no function; only "
                                                       "tensors were expected.",
                                                       where_, at_));
    }
    return pickle_global(values_[value].number);
  }

  /// ("storage", type, key, location, elements), in the form before ZIP also a view, which has to be None.
  void push_storage(uint32_t id) {
    const std::vector<uint32_t>& parts = tuple(id);
    if (parts.size() < 5 || parts.size() > 6 || text(parts[0]) != "storage") {
      refuse("a storage with type, key, location and size was expected");
    }
    const PickleGlobal& type = global(parts[1]);
    if (type.role != Role::kStorageType) refuse("a storage has no storage type");
    const PickleValue& elements = values_[parts[4]];
    if (elements.kind != Kind::kInteger || elements.number < 0) refuse("a storage has no size");
    if (parts.size() == 6 && values_[parts[5]].kind != Kind::kNone) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the storage {} is a view of another, as torch before 0.4 wrote them. Save the file "
                              "again with a newer torch.",
                              where_, excerpt(text(parts[2]))));
    }
    push({.kind = Kind::kStorage, .dtype = type.dtype, .number = elements.number, .text = text(parts[2])});
  }

  void reduce() {
    const std::vector<uint32_t> call = pop_many(2);
    const PickleGlobal& function = global(call[0]);
    if (tuple(call[1]).size() > kMostArguments) refuse("too many arguments");
    const std::vector<uint32_t> arguments = tuple(call[1]);
    switch (function.role) {
      case Role::kOrderedDict:
        make_ordered_dict(arguments);
        return;
      case Role::kRebuildTensor:
        if (arguments.size() < 4 || values_[arguments[0]].kind != Kind::kStorage) {
          refuse("a tensor with storage, offset, sizes and strides was expected");
        }
        push({.kind = Kind::kTensor, .items = {arguments.begin(), arguments.begin() + 4}});
        return;
      case Role::kRebuildParameter:
        if (arguments.empty() || values_[arguments[0]].kind != Kind::kTensor) refuse("a parameter has no tensor");
        push_again(arguments[0]);
        return;
      case Role::kStorageType:
        throw Error(ErrorCode::kUnsupported,
                    fmt::format("[{}] the file calls {}.{}, which was not run; only tensors were expected.", where_,
                                function.module, function.name));
    }
  }

  /// Without arguments, or, as Python 2 wrote it, with a list of pairs.
  void make_ordered_dict(const std::vector<uint32_t>& arguments) {
    PickleValue dict{.kind = Kind::kDict};
    if (!arguments.empty()) {
      if (arguments.size() != 1 || values_[arguments[0]].kind != Kind::kList) refuse("a list of pairs was expected");
      const std::vector<uint32_t>& pairs = values_[arguments[0]].items;
      if (pairs.size() > kMostValues - copied_) refuse("too many values");
      copied_ += pairs.size();
      for (const uint32_t item : pairs) {
        const PickleValue& pair = values_[item];
        if ((pair.kind != Kind::kTuple && pair.kind != Kind::kList) || pair.items.size() != 2) {
          refuse("a list of pairs was expected");
        }
        dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
      }
    }
    push(std::move(dict));
  }

  /// Gives an object its attributes: state_dicts have _metadata, which weights do not need.
  void build() {
    pop_many(1);
    if (top().kind != Kind::kDict) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the pickle sets, at byte {}, the state of what is no dict; only tensors were "
                              "expected.",
                              where_, at_));
    }
  }

  std::span<const std::byte> data_;
  std::string_view where_;
  std::size_t at_ = 0;
  std::vector<PickleValue> values_;
  std::vector<uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::vector<uint32_t> memo_;
  std::size_t copied_ = 0;  ///< pairs of lists, each of which a few bytes of pickle can name again and again
};

}  // namespace

Pickle read_pickle(std::span<const std::byte> data, std::string_view where) {
  // What follows the first pickle of a file may be large; the bound is on what is read of it.
  return Machine(data.first(std::min(data.size(), kMostBytes)), where).run();
}

}  // namespace paceline
