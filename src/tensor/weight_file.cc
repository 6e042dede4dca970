#include "tensor/weight_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/git_lfs.h"
#include "paceline/error.h"
#include "tensor/safetensors.h"
#include "tensor/torch_file.h"
#include "words/printable.h"

namespace paceline {
namespace {

/// What people mistake for weights that can be read, by its first bytes.
struct OtherFormat {
  std::string_view begins;
  std::string_view what;
};

constexpr std::array<OtherFormat, 8> kOthers = {{
    {"\x89HDF", "TensorFlow weights (HDF5). Load them with transformers (from_tf=True) and save_pretrained"},
    {"GGUF", "a GGUF file. Use the checkpoint that it was made from"},
    {kGitLfsPointer, "a pointer of Git LFS, not the weights. Fetch them with git lfs pull"},
    {"\x1f\x8b\x08", "compressed with gzip. Unpack it with gunzip"},
    {"\xFD\x37zXZ", "compressed with xz. Unpack it with unxz"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd. Unpack it with unzstd"},
    {"<!DOCTYPE", "a page of HTML, not the weights. Fetch the file again"},
    {"<html", "a page of HTML, not the weights. Fetch the file again"},
}};

constexpr std::size_t kStart = 64;   // bytes that tell what a file is
constexpr std::size_t kHeader = 8;   // where the header of a safetensors file begins, with a brace
constexpr std::size_t kQuoted = 16;  // bytes of what is neither format

/// By the header's length, of which the upper bytes are zero, and its first letter.
bool begins_as_safetensors(std::string_view start) {
  return start.size() > kHeader && start[kHeader] == '{' && start.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

void check_known(std::string_view text, std::string_view where) {
  if (begins_as_safetensors(text)) return;
  for (const OtherFormat& other : kOthers) {
    if (text.starts_with(other.begins)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] safetensors or a file of torch.save was expected, this is {}.", where, other.what));
    }
  }
}

/// A file of another name than safetensors has, and without the beginning of one.
void check_safetensors(std::string_view start, const std::filesystem::path& path) {
  if (start.size() <= kHeader || start[kHeader] == '{' || path.extension() == ".safetensors") return;
  throw Error(ErrorCode::kCorruptData,
              fmt::format("[{}] it begins with \"{}\", which neither a file of torch.save nor one of safetensors does. "
                          "Fetch or save it again.",
                          path.string(), printable(start.substr(0, kQuoted))));
}

bool is_within(std::span<const std::byte> part, std::span<const std::byte> whole) {
  constexpr std::less_equal<const std::byte*> not_behind{};
  return not_behind(whole.data(), part.data()) && not_behind(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

WeightFile WeightFile::open(const std::filesystem::path& path) {
  WeightFile weights;
  weights.file_ = std::make_unique<MappedFile>(MappedFile::open(path));
  const MappedFile& file = *weights.file_;
  std::string start(std::min(kStart, file.bytes().size()), '\0');
  file.copy(0, std::as_writable_bytes(std::span(start)));
  if (is_torch_file(std::as_bytes(std::span(start)))) {
    TorchWeights parsed = parse_torch_file(file.bytes(), path.string());
    weights.tensors_ = std::move(parsed.tensors);
    weights.copies_ = std::move(parsed.copies);
    weights.taken_ = std::move(parsed.taken);
    for (NamedTensor& named : weights.tensors_) {
      if (is_within(named.tensor.bytes, file.bytes())) named.tensor.file = &file;
    }
    return weights;
  }
  check_known(start, path.string());
  check_safetensors(start, path);
  weights.tensors_ = parse_safetensors(file);
  return weights;
}

}  // namespace paceline
