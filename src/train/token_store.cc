#include "train/token_store.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "batch/batch_planner.h"

namespace paceline {
namespace {

constexpr std::size_t kIndexBlock = 1 << 16;  // entries read together
constexpr std::size_t kWord = sizeof(int32_t);

std::filesystem::path with_ending(std::filesystem::path path, const char* ending) { return path += ending; }

template <class Number>
void read(const MappedFile& file, uint64_t first_byte, std::span<Number> out) {
  file.copy(first_byte, std::as_writable_bytes(out));
}

template <class Number>
void write(AtomicFile& file, std::span<const Number> values) {
  file.write(std::as_bytes(values));
}

}  // namespace

TokenStore::Place TokenStore::place(int64_t text) const {
  std::array<Place, 1> place{};
  read(index_, static_cast<uint64_t>(text) * sizeof(Place), std::span<Place>(place));
  return place[0];
}

std::vector<int32_t> TokenStore::lengths() const {
  std::vector<int32_t> lengths(static_cast<std::size_t>(texts_));
  std::vector<Place> places(std::min(kIndexBlock, lengths.size()));
  for (std::size_t first = 0; first < lengths.size(); first += kIndexBlock) {
    const auto block = std::span(places).first(std::min(kIndexBlock, lengths.size() - first));
    read(index_, first * sizeof(Place), block);
    for (std::size_t i = 0; i < block.size(); ++i) lengths[first + i] = static_cast<int32_t>(block[i].tokens);
  }
  return lengths;
}

Expected TokenStore::append(int64_t text, PackedBatch& batch, std::vector<int32_t>& teacher_types) const {
  const Place is = place(text);
  const std::size_t types = form_.token_types ? is.tokens : 0;
  std::vector<int32_t> words(is.tokens + types + (form_.teacher_types ? is.tokens : 0));
  read(records_, is.first_byte + is.expected * kWord, std::span(words));
  const std::span<const int32_t> ids = std::span(words).first(is.tokens);
  const std::span<const int32_t> behind = std::span(words).subspan(is.tokens);
  append_sequence(batch, ids, behind.first(types));
  teacher_types.insert(teacher_types.end(), behind.begin() + static_cast<std::ptrdiff_t>(types), behind.end());
  return expected(is);
}

Expected TokenStore::expected(int64_t text) const { return expected(place(text)); }

Expected TokenStore::expected(const Place& place) const {
  Expected expected;
  if (form_.value) {
    std::array<float, 1> value{};
    read(records_, place.first_byte, std::span<float>(value));
    expected.value = static_cast<double>(value[0]);
  } else {
    expected.labels.resize(place.expected);
    read(records_, place.first_byte, std::span(expected.labels));
  }
  return expected;
}

TokenStoreWriter::TokenStoreWriter(const std::filesystem::path& place, const TokenStoreForm& form)
    : index_path_(with_ending(place, kEndings[0])),
      records_path_(with_ending(place, kEndings[1])),
      index_(index_path_),
      records_(records_path_) {
  store_.form_ = form;
}

void TokenStoreWriter::add(const Encoding& encoding, std::span<const int32_t> teacher_types, const Expected& expected) {
  const bool value = store_.form_.value;
  const std::array<float, 1> number{static_cast<float>(expected.value)};
  const std::array<TokenStore::Place, 1> place{{{.first_byte = records_.written(),
                                                 .expected = value ? 1 : static_cast<uint32_t>(expected.labels.size()),
                                                 .tokens = static_cast<uint32_t>(encoding.input_ids.size())}}};
  write(index_, std::span<const TokenStore::Place>(place));
  if (value) {
    write(records_, std::span<const float>(number));
  } else {
    write(records_, std::span(expected.labels));
  }
  write(records_, std::span(encoding.input_ids));
  if (store_.form_.token_types) write(records_, std::span(encoding.token_type_ids));
  write(records_, teacher_types);
  ++store_.texts_;
  store_.tokens_ += static_cast<int64_t>(encoding.input_ids.size());
}

TokenStore TokenStoreWriter::finish() {
  index_.commit();
  records_.commit();
  store_.index_ = MappedFile::open(index_path_);
  store_.records_ = MappedFile::open(records_path_);
  return std::move(store_);
}

}  // namespace paceline
