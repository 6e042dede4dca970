#include "tensor/torch_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "paceline/error.h"
#include "tensor/safetensors_format.h"
#include "tensor/torch_storages.h"
#include "tensor/zip_reader.h"
#include "words/suggest.h"

namespace paceline {
namespace {

using Kind = PickleValue::Kind;

constexpr std::byte kProtoOpcode{0x80};
constexpr std::size_t kMostDimensions = 16;
constexpr int kMostNesting = 8;
constexpr std::size_t kMostNamed = std::size_t{1} << 20;
/// Where training checkpoints keep the model, in the order in which it is looked for.
constexpr std::array<std::string_view, 4> kModelKeys = {"state_dict", "model_state_dict", "model", "module"};

[[noreturn]] void throw_corrupt(std::string_view place, std::string_view what) {
  throw Error(ErrorCode::kCorruptData, fmt::format("[{}] {}", place, what));
}

/// A pickle begins with its protocol. So may the length of a safetensors header, a number far below 2^32 before a '{'.
bool is_pickle(std::span<const std::byte> file) {
  constexpr std::size_t kBrace = 8;
  if (file.size() < 2 || file[0] != kProtoOpcode || file[1] < std::byte{2} || file[1] > std::byte{5}) return false;
  if (file.size() <= kBrace || file[kBrace] != std::byte{'{'}) return true;
  const auto high = file.subspan(4, 4);
  return std::any_of(high.begin(), high.end(), [](std::byte byte) { return byte != std::byte{0}; });
}

/// A tensor as the pickle describes it, in elements of its storage.
struct Layout {
  Shape sizes;
  Shape strides;
  int64_t offset = 0;
  int64_t end = 0;  ///< one past the last element

  bool empty() const { return std::find(sizes.begin(), sizes.end(), 0) != sizes.end(); }

  /// Row-major without gaps. The stride of a dimension of one element says nothing.
  bool contiguous() const {
    int64_t expected = 1;
    for (std::size_t i = sizes.size(); i-- > 0;) {
      if (sizes[i] != 1 && strides[i] != expected) return false;
      expected *= sizes[i];
    }
    return true;
  }
};

class TensorBuilder {
 public:
  TensorBuilder(const TorchArchive& archive, uint64_t most_copied, std::string_view where)
      : archive_(archive), most_copied_(most_copied), where_(where) {}

  TensorView build(const PickleValue& value, std::string_view name) {
    const std::string place = tensor_place(where_, name);
    const PickleValue& storage = archive_.pickle.values[value.items[0]];
    const std::span<const std::byte> bytes = storage_bytes(storage, place);
    const Layout layout = read_layout(value, storage, place);
    const std::optional<uint64_t> size = byte_count(storage.dtype, layout.sizes);
    if (!size) throw_corrupt(place, fmt::format("its shape {} has too many elements.", shape_text(layout.sizes)));
    TensorView view{.dtype = storage.dtype, .shape = layout.sizes, .bytes = {}};
    if (layout.empty()) return view;
    if (layout.contiguous()) {
      view.bytes = bytes.subspan(static_cast<std::size_t>(layout.offset) * dtype_size(storage.dtype), *size);
      return view;
    }
    if (*size > bytes.size() || *size > most_copied_) {
      throw Error(
          ErrorCode::kUnsupported,
          fmt::format("[{}] it is an expanded view of shape {} and strides {}, larger than what is stored. Save "
                      "it after .contiguous().",
                      place, shape_text(layout.sizes), shape_text(layout.strides)));
    }
    most_copied_ -= *size;
    copies.push_back(gather(bytes, layout, dtype_size(storage.dtype), *size));
    view.bytes = copies.back();
    return view;
  }

  std::vector<std::vector<std::byte>> copies;

 private:
  std::span<const std::byte> storage_bytes(const PickleValue& storage, const std::string& place) const {
    const auto found = archive_.storages.find(storage.text);
    if (found == archive_.storages.end()) {
      throw_corrupt(place,
                    fmt::format("its storage {} is not in the file. Is the file truncated?", excerpt(storage.text)));
    }
    const std::optional<uint64_t> expected = byte_count(storage.dtype, {storage.number});
    if (!expected || *expected != found->second.size()) {
      throw_corrupt(place,
                    fmt::format("its storage {} has {} bytes, {} elements of {} were announced.", excerpt(storage.text),
                                found->second.size(), storage.number, dtype_name(storage.dtype)));
    }
    return found->second;
  }

  int64_t count(uint32_t value, std::string_view place) const {
    const PickleValue& number = archive_.pickle.values[value];
    if (number.kind != Kind::kInteger || number.number < 0) {
      throw_corrupt(place, "its offset, sizes and strides were expected to be numbers from 0.");
    }
    return number.number;
  }

  Shape counts(uint32_t value, std::string_view place) const {
    const PickleValue& tuple = archive_.pickle.values[value];
    if (tuple.kind != Kind::kTuple || tuple.items.size() > kMostDimensions) {
      throw_corrupt(place, fmt::format("its sizes and strides were expected as at most {} numbers.", kMostDimensions));
    }
    Shape numbers;
    for (const uint32_t item : tuple.items) numbers.push_back(count(item, place));
    return numbers;
  }

  Layout read_layout(const PickleValue& value, const PickleValue& storage, std::string_view place) const {
    Layout layout{.sizes = counts(value.items[2], place),
                  .strides = counts(value.items[3], place),
                  .offset = count(value.items[1], place)};
    if (layout.sizes.size() != layout.strides.size()) {
      throw_corrupt(place, fmt::format("it has the sizes {} and the strides {}, one stride for each size was expected.",
                                       shape_text(layout.sizes), shape_text(layout.strides)));
    }
    if (layout.empty()) return layout;
    bool overflow = __builtin_add_overflow(layout.offset, 1, &layout.end);
    for (std::size_t i = 0; i < layout.sizes.size(); ++i) {
      int64_t step = 0;
      overflow |= __builtin_mul_overflow(layout.sizes[i] - 1, layout.strides[i], &step);
      overflow |= __builtin_add_overflow(layout.end, step, &layout.end);
    }
    if (overflow || layout.end > storage.number) {
      throw_corrupt(place,
                    fmt::format("sizes {}, strides {} and offset {} reach beyond its storage of {} elements.",
                                shape_text(layout.sizes), shape_text(layout.strides), layout.offset, storage.number));
    }
    return layout;
  }

  /// The elements in row-major order.
  static std::vector<std::byte> gather(std::span<const std::byte> storage, const Layout& layout, std::size_t element,
                                       uint64_t size) {
    std::vector<std::byte> copy(size);
    std::vector<int64_t> index(layout.sizes.size(), 0);
    int64_t from = layout.offset;
    for (std::size_t to = 0; to < copy.size(); to += element) {
      std::memcpy(copy.data() + to, storage.data() + static_cast<std::size_t>(from) * element, element);
      for (std::size_t i = index.size(); i-- > 0;) {
        from += layout.strides[i];
        if (++index[i] < layout.sizes[i]) break;
        from -= layout.strides[i] * layout.sizes[i];
        index[i] = 0;
      }
    }
    return copy;
  }

  const TorchArchive& archive_;
  uint64_t most_copied_;
  std::string_view where_;
};

/// Finds the state_dict in what was saved, and the names in it.
class StateDict {
 public:
  struct Named {
    std::string name;
    uint32_t tensor = 0;
  };

  StateDict(const Pickle& pickle, std::string_view where) : pickle_(pickle), where_(where) {
    uint32_t root = pickle.root;
    for (int depth = 0; depth < kMostNesting; ++depth) {
      const std::optional<std::pair<std::string_view, uint32_t>> model = find_model(root);
      if (!model) break;
      taken += fmt::format("{}{}", taken.empty() ? "" : ".", model->first);
      root = model->second;
    }
    flatten(root, "", 0);
    if (named.empty()) throw_nothing();
  }

  std::vector<Named> named;
  std::string taken;

 private:
  const PickleValue& value(uint32_t index) const { return pickle_.values[index]; }

  /// Whether a dict has tensors, itself or in dicts below it.
  bool holds_tensors(uint32_t index, int depth, std::set<uint32_t>* seen) const {
    const PickleValue& dict = value(index);
    if (dict.kind == Kind::kTensor) return depth > 0;
    if (dict.kind != Kind::kDict || depth > kMostNesting || !seen->insert(index).second) return false;
    for (std::size_t i = 1; i < dict.items.size(); i += 2) {
      if (holds_tensors(dict.items[i], depth + 1, seen)) return true;
    }
    return false;
  }

  /// The model within a training checkpoint; nothing where the dict has tensors itself.
  std::optional<std::pair<std::string_view, uint32_t>> find_model(uint32_t root) const {
    const PickleValue& dict = value(root);
    if (dict.kind != Kind::kDict) return std::nullopt;
    for (std::size_t i = 1; i < dict.items.size(); i += 2) {
      if (value(dict.items[i]).kind == Kind::kTensor) return std::nullopt;
    }
    std::set<uint32_t> seen;  // whatever was looked at before has none
    for (const std::string_view key : kModelKeys) {
      for (std::size_t i = 0; i < dict.items.size(); i += 2) {
        const bool here = value(dict.items[i]).kind == Kind::kText && value(dict.items[i]).text == key;
        if (here && holds_tensors(dict.items[i + 1], 0, &seen)) return std::pair(key, dict.items[i + 1]);
      }
    }
    return std::nullopt;
  }

  void flatten(uint32_t index, const std::string& prefix, int depth) {
    const PickleValue& dict = value(index);
    if (dict.kind != Kind::kDict) return;
    if (depth > kMostNesting) throw_corrupt(where_, fmt::format("dicts are nested deeper than {}.", kMostNesting));
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const PickleValue& key = value(dict.items[i]);
      const PickleValue& item = value(dict.items[i + 1]);
      if (++visits_ > kMostNamed) throw_corrupt(where_, fmt::format("more than {} names.", kMostNamed));
      if (key.kind != Kind::kText || (item.kind != Kind::kTensor && item.kind != Kind::kDict)) continue;
      std::string name = prefix + std::string(key.text);
      name_bytes_ += name.size();
      if (name_bytes_ > kMostNameBytes) throw_corrupt(where_, "the names of its tensors are too long.");
      if (item.kind == Kind::kDict) {
        flatten(dict.items[i + 1], name + ".", depth + 1);
        continue;
      }
      if (!names_.insert(name).second) throw_corrupt(tensor_place(where_, name), "it is there twice.");
      named.push_back({std::move(name), dict.items[i + 1]});
    }
  }

  [[noreturn]] void throw_nothing() const {
    const PickleValue& root = value(pickle_.root);
    std::vector<std::string> keys;
    for (std::size_t i = 0; root.kind == Kind::kDict && i < root.items.size() && keys.size() < 8; i += 2) {
      if (value(root.items[i]).kind == Kind::kText) keys.push_back(excerpt(value(root.items[i]).text));
    }
    const std::string found = root.kind == Kind::kTensor ? "a single tensor"
                              : keys.empty()             ? "something else"
                                                         : fmt::format("a dict of {}", fmt::join(keys, ", "));
    throw Error(ErrorCode::kNotFound,
                fmt::format("[{}] a state_dict (names and tensors) was expected, the file holds {}.", where_, found));
  }

  static constexpr std::size_t kMostNameBytes = std::size_t{64} << 20;  // all together

  const Pickle& pickle_;
  std::string_view where_;
  std::set<std::string> names_;
  std::size_t visits_ = 0;
  std::size_t name_bytes_ = 0;
};

}  // namespace

bool is_torch_file(std::span<const std::byte> file) { return is_zip(file) || is_pickle(file); }

TorchWeights parse_torch_file(std::span<const std::byte> file, std::string_view where) {
  const TorchArchive archive = is_zip(file) ? read_zip_form(file, where) : read_legacy_form(file, where);
  StateDict state(archive.pickle, where);
  TensorBuilder builder(archive, file.size(), where);
  TorchWeights weights;
  weights.tensors.reserve(state.named.size());
  for (StateDict::Named& named : state.named) {
    TensorView view = builder.build(archive.pickle.values[named.tensor], named.name);
    weights.tensors.push_back({std::move(named.name), std::move(view)});
  }
  weights.copies = std::move(builder.copies);
  weights.taken = std::move(state.taken);
  return weights;
}

}  // namespace paceline
