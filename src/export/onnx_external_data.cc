#include "export/onnx_external_data.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>

#include "paceline/error.h"

namespace paceline {
namespace {

/// Messages of onnx.proto in which a tensor may stand.
enum class Message { kModel, kGraph, kNode, kAttribute, kTensor, kSparseTensor, kFunction, kTraining };

/// A field that holds such a message.
struct Field {
  Message in;
  uint64_t number;
  Message holds;
};

constexpr std::array<Field, 19> kFields{{
    {Message::kModel, 7, Message::kGraph},
    {Message::kModel, 20, Message::kTraining},
    {Message::kModel, 25, Message::kFunction},
    {Message::kTraining, 1, Message::kGraph},
    {Message::kTraining, 2, Message::kGraph},
    {Message::kGraph, 1, Message::kNode},
    {Message::kGraph, 5, Message::kTensor},
    {Message::kGraph, 15, Message::kSparseTensor},
    {Message::kFunction, 7, Message::kNode},
    {Message::kFunction, 11, Message::kAttribute},
    {Message::kNode, 5, Message::kAttribute},
    {Message::kAttribute, 5, Message::kTensor},
    {Message::kAttribute, 6, Message::kGraph},
    {Message::kAttribute, 10, Message::kTensor},
    {Message::kAttribute, 11, Message::kGraph},
    {Message::kAttribute, 22, Message::kSparseTensor},
    {Message::kAttribute, 23, Message::kSparseTensor},
    {Message::kSparseTensor, 1, Message::kTensor},
    {Message::kSparseTensor, 2, Message::kTensor},
}};

constexpr uint64_t kExternalData = 13;  // of TensorProto: entries of key and value
constexpr uint64_t kDataLocation = 14;  // of TensorProto
constexpr uint64_t kExternal = 1;       // its value
constexpr uint64_t kKey = 1;            // of an entry
constexpr uint64_t kValue = 2;
constexpr int kDeepest = 100;  // protobuf's own limit

constexpr uint64_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

/// One field of a message as the wire has it.
struct WireField {
  uint64_t number = 0;
  uint64_t varint = 0;       ///< of kVarint
  std::string_view content;  ///< of kBytes
};

/// Reads a message's fields one after another; every length is checked against what is left.
class WireReader {
 public:
  WireReader(std::string_view message, std::string_view where) : left_(message), where_(where) {}

  std::optional<WireField> next() {
    if (left_.empty()) return std::nullopt;
    const uint64_t tag = varint();
    WireField field{.number = tag >> 3, .content = {}};
    switch (tag & 7) {
      case kVarint:
        field.varint = varint();
        break;
      case kFixed64:
        take(8);
        break;
      case kBytes:
        field.content = take(varint());
        break;
      case kFixed32:
        take(4);
        break;
      default:  // groups, which onnx.proto has none of
        refuse();
    }
    return field;
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(
        ErrorCode::kCorruptData,
        fmt::format("[{}] this is no ONNX file: a field of its protobuf cannot be read. Export it anew.", where_));
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1).front());
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    refuse();
  }

  std::string_view take(uint64_t count) {
    if (count > left_.size()) refuse();
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }

  std::string_view left_;
  std::string_view where_;
};

class ExternalFiles {
 public:
  explicit ExternalFiles(std::string_view where) : where_(where) {}

  void read(Message kind, std::string_view message, int depth) {
    if (depth > kDeepest) {
      throw Error(ErrorCode::kCorruptData,
                  fmt::format("[{}] the graph is nested more than {} deep.", where_, kDeepest));
    }
    if (kind == Message::kTensor) return read_tensor(message);
    WireReader reader(message, where_);
    while (const auto field = reader.next()) {
      for (const Field& known : kFields) {
        if (known.in == kind && known.number == field->number) read(known.holds, field->content, depth + 1);
      }
    }
  }

  std::vector<std::string> take() { return {names_.begin(), names_.end()}; }

 private:
  void read_tensor(std::string_view message) {
    WireReader reader(message, where_);
    std::string location;
    bool external = false;
    while (const auto field = reader.next()) {
      if (field->number == kDataLocation) external = field->varint == kExternal;
      if (field->number == kExternalData) read_entry(field->content, location);
    }
    if (external && !location.empty()) names_.insert(location);
  }

  void read_entry(std::string_view message, std::string& location) const {
    WireReader reader(message, where_);
    std::string_view key, value;
    while (const auto field = reader.next()) {
      if (field->number == kKey) key = field->content;
      if (field->number == kValue) value = field->content;
    }
    if (key == "location") location = value;
  }

  std::string_view where_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<std::string> onnx_external_files(std::span<const std::byte> model, std::string_view where) {
  ExternalFiles files(where);
  files.read(Message::kModel, {reinterpret_cast<const char*>(model.data()), model.size()}, 0);
  return files.take();
}

}  // namespace paceline
