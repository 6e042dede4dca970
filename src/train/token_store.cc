#include "train/token_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "batch/batch_planner.h"

namespace paceline {
namespace {

constexpr std::size_t kIndexBlock = 1 << 16;  // entries read together

std::filesystem::path with_ending(std::filesystem::path path, const char* ending) { return path += ending; }

template <class Number>
void read(const MappedFile& file, uint64_t first_byte, std::span<Number> out) {
  file.copy(first_byte, std::as_writable_bytes(out));
}

}  // namespace

std::vector<int32_t> TokenStore::lengths() const {
  std::vector<int32_t> lengths(static_cast<std::size_t>(texts_));
  std::vector<uint64_t> places(kIndexBlock + 1);
  for (std::size_t first = 0; first < lengths.size(); first += kIndexBlock) {
    const std::size_t count = std::min(kIndexBlock, lengths.size() - first);
    read(index_, first * sizeof(uint64_t), std::span(places).first(count + 1));
    for (std::size_t i = 0; i < count; ++i) {
      const uint64_t words = (places[i + 1] - places[i]) / sizeof(int32_t) - static_cast<uint64_t>(form_.targets);
      lengths[first + i] = static_cast<int32_t>(words / words_per_token());
    }
  }
  return lengths;
}

void TokenStore::append(int64_t text, PackedBatch& batch, std::vector<float>& targets) const {
  std::array<uint64_t, 2> place{};
  read(index_, static_cast<uint64_t>(text) * sizeof(uint64_t), std::span<uint64_t>(place));
  const auto width = static_cast<std::size_t>(form_.targets);
  targets.resize(targets.size() + width);
  read(records_, place[0], std::span(targets).last(width));
  std::vector<int32_t> words((place[1] - place[0]) / sizeof(int32_t) - width);
  read(records_, place[0] + width * sizeof(float), std::span(words));
  const std::size_t tokens = words.size() / words_per_token();
  append_sequence(batch, std::span(words).first(tokens), std::span(words).subspan(tokens));
}

void TokenStore::read_targets(int64_t text, std::span<float> out) const {
  std::array<uint64_t, 1> place{};
  read(index_, static_cast<uint64_t>(text) * sizeof(uint64_t), std::span<uint64_t>(place));
  read(records_, place[0], out);
}

TokenStoreWriter::TokenStoreWriter(const std::filesystem::path& place, const TokenStoreForm& form)
    : index_path_(with_ending(place, kEndings[0])),
      records_path_(with_ending(place, kEndings[1])),
      index_(index_path_),
      records_(records_path_) {
  store_.form_ = form;
}

void TokenStoreWriter::add(const Encoding& encoding, std::span<const float> targets) {
  const uint64_t place = records_.written();
  index_.write(std::as_bytes(std::span(&place, 1)));
  records_.write(std::as_bytes(targets));
  records_.write(std::as_bytes(std::span(encoding.input_ids)));
  if (store_.form_.token_types) records_.write(std::as_bytes(std::span(encoding.token_type_ids)));
  ++store_.texts_;
  store_.tokens_ += static_cast<int64_t>(encoding.input_ids.size());
}

TokenStore TokenStoreWriter::finish() {
  const uint64_t end = records_.written();
  index_.write(std::as_bytes(std::span(&end, 1)));
  index_.commit();
  records_.commit();
  store_.index_ = MappedFile::open(index_path_);
  store_.records_ = MappedFile::open(records_path_);
  return std::move(store_);
}

}  // namespace paceline
