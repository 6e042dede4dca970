#include "tensor/pickle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "paceline/error.h"
#include "tensor/pickle_bytes.h"
#include "tensor/pickle_objects.h"
#include "tensor/pickle_stack.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
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
  Machine(std::span<const std::byte> data, std::string_view where)
      : bytes_(data, where), stack_(bytes_), objects_(bytes_, stack_) {}

  Pickle run() {
    while (step()) {
    }
    return stack_.finish();
  }

 private:
  /// One opcode; false at STOP. Opcodes are tried in groups, each of which knows its own.
  bool step() {
    const auto code = bytes_.read_number<uint8_t>();
    const auto opcode = static_cast<Opcode>(code);
    if (opcode == Opcode::kStop) return false;
    if (!step_scalar(opcode) && !step_text(opcode) && !step_container(opcode) && !step_stack(opcode) &&
        !step_object(opcode)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] the pickle has the opcode {} at byte {}, which no file of tensors needs. Save the "
                              "state_dict as safetensors.",
                              bytes_.where(), opcode_name(code), bytes_.position() - 1));
    }
    return true;
  }

  bool step_scalar(Opcode opcode) {
    switch (opcode) {
      case Opcode::kNone:
        stack_.push({.kind = Kind::kNone});
        return true;
      case Opcode::kNewTrue:
      case Opcode::kNewFalse:
        stack_.push({.kind = Kind::kBool, .number = opcode == Opcode::kNewTrue ? 1 : 0});
        return true;
      case Opcode::kBinInt:
        stack_.push({.kind = Kind::kInteger, .number = bytes_.read_number<int32_t>()});
        return true;
      case Opcode::kBinInt1:
        stack_.push({.kind = Kind::kInteger, .number = bytes_.read_number<uint8_t>()});
        return true;
      case Opcode::kBinInt2:
        stack_.push({.kind = Kind::kInteger, .number = bytes_.read_number<uint16_t>()});
        return true;
      case Opcode::kLong1:
        push_long(bytes_.read_text(bytes_.read_number<uint8_t>()));
        return true;
      case Opcode::kBinFloat:
        bytes_.read_text(sizeof(double));
        stack_.push({.kind = Kind::kFloat});
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
        push_text(bytes_.read_number<uint8_t>());
        return true;
      case Opcode::kBinString:
      case Opcode::kBinBytes:
      case Opcode::kBinUnicode:
        push_text(bytes_.read_number<uint32_t>());
        return true;
      case Opcode::kBinUnicode8:
        push_text(bytes_.read_number<uint64_t>());
        return true;
      default:
        return false;
    }
  }

  bool step_container(Opcode opcode) {
    switch (opcode) {
      case Opcode::kEmptyTuple:
        stack_.push({.kind = Kind::kTuple});
        return true;
      case Opcode::kEmptyList:
        stack_.push({.kind = Kind::kList});
        return true;
      case Opcode::kEmptyDict:
        stack_.push({.kind = Kind::kDict});
        return true;
      case Opcode::kTuple1:
      case Opcode::kTuple2:
      case Opcode::kTuple3:
        push_tuple(stack_.pop_many(static_cast<std::size_t>(opcode) - static_cast<std::size_t>(Opcode::kTuple1) + 1));
        return true;
      case Opcode::kTuple:
        push_tuple(stack_.pop_to_mark());
        return true;
      case Opcode::kAppend:
        extend(Kind::kList, stack_.pop_many(1));
        return true;
      case Opcode::kAppends:
        extend(Kind::kList, stack_.pop_to_mark());
        return true;
      case Opcode::kSetItem:
        extend(Kind::kDict, stack_.pop_many(2));
        return true;
      case Opcode::kSetItems:
        extend(Kind::kDict, stack_.pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool step_stack(Opcode opcode) {
    switch (opcode) {
      case Opcode::kMark:
        stack_.mark();
        return true;
      case Opcode::kPop:
        stack_.pop_many(1);
        return true;
      case Opcode::kPopMark:
        stack_.pop_to_mark();
        return true;
      case Opcode::kBinPut:
        stack_.put(bytes_.read_number<uint8_t>());
        return true;
      case Opcode::kLongBinPut:
        stack_.put(bytes_.read_number<uint32_t>());
        return true;
      case Opcode::kMemoize:
        stack_.put_next();
        return true;
      case Opcode::kBinGet:
        stack_.get(bytes_.read_number<uint8_t>());
        return true;
      case Opcode::kLongBinGet:
        stack_.get(bytes_.read_number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  bool step_object(Opcode opcode) {
    switch (opcode) {
      case Opcode::kProto:
        if (const auto protocol = bytes_.read_number<uint8_t>();
            protocol < kOldestProtocol || protocol > kNewestProtocol) {
          throw Error(ErrorCode::kUnsupported, fmt::format("[{}] the pickle has protocol {}, {} to {} are read.",
                                                           bytes_.where(), protocol, kOldestProtocol, kNewestProtocol));
        }
        return true;
      case Opcode::kFrame:
        if (bytes_.read_number<uint64_t>() > bytes_.left()) bytes_.refuse("a frame reaches beyond the end");
        return true;
      case Opcode::kGlobal: {
        const std::string_view module = bytes_.read_line();
        objects_.push_global(module, bytes_.read_line());
        return true;
      }
      case Opcode::kStackGlobal: {
        const std::vector<uint32_t> names = stack_.pop_many(2);
        objects_.push_global(stack_.text(names[0]), stack_.text(names[1]));
        return true;
      }
      case Opcode::kBinPersId:
        objects_.push_storage(stack_.pop_many(1)[0]);
        return true;
      case Opcode::kReduce:
        objects_.reduce();
        return true;
      case Opcode::kBuild:
        objects_.build();
        return true;
      default:
        return false;
    }
  }

  void push_text(uint64_t bytes) { stack_.push({.kind = Kind::kText, .text = bytes_.read_text(bytes)}); }

  void push_tuple(std::vector<uint32_t> items) { stack_.push({.kind = Kind::kTuple, .items = std::move(items)}); }

  void push_long(std::string_view bytes) {
    if (bytes.size() > sizeof(int64_t)) {
      stack_.push({.kind = Kind::kLong, .text = bytes});
      return;
    }
    const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
    int64_t number = negative ? -1 : 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    stack_.push({.kind = Kind::kInteger, .number = number});
  }

  void extend(Kind kind, const std::vector<uint32_t>& items) {
    PickleValue& target = stack_.top();
    if (target.kind != kind)
      bytes_.refuse(kind == Kind::kList ? "only a list can be extended" : "only a dict has items");
    if (kind == Kind::kDict && items.size() % 2 != 0) bytes_.refuse("a key has no value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  PickleBytes bytes_;
  PickleStack stack_;
  PickleObjects objects_;
};

}  // namespace

Pickle read_pickle(std::span<const std::byte> data, std::string_view where) {
  // What follows the first pickle of a file may be large; the bound is on what is read of it.
  return Machine(data.first(std::min(data.size(), kMostBytes)), where).run();
}

}  // namespace paceline
