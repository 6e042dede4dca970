#include "tensor/weight_file.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "paceline/error.h"
#include "tensor/safetensors.h"
#include "tensor/torch_file.h"

namespace paceline {
namespace {

/// What people mistake for weights that can be read, by its first bytes.
struct OtherFormat {
  std::string_view begins;
  std::string_view what;
};

constexpr std::array<OtherFormat, 3> kOthers = {{
    {"\x89HDF", "TensorFlow weights (HDF5). Load them with transformers (from_tf=True) and save_pretrained"},
    {"GGUF", "a GGUF file. Use the checkpoint that it was made from"},
    {"version https://git-lfs", "a pointer of Git LFS, not the weights. Fetch them with git lfs pull"},
}};

void check_known(std::span<const std::byte> file, std::string_view where) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const OtherFormat& other : kOthers) {
    if (text.starts_with(other.begins)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("[{}] safetensors or a file of torch.save was expected, this is {}.", where, other.what));
    }
  }
}

}  // namespace

WeightFile WeightFile::open(const std::filesystem::path& path) {
  WeightFile file;
  file.file_ = MappedFile::open(path);
  const std::span<const std::byte> bytes = file.file_.bytes();
  if (is_torch_file(bytes)) {
    TorchWeights weights = parse_torch_file(bytes, path.string());
    file.tensors_ = std::move(weights.tensors);
    file.copies_ = std::move(weights.copies);
    file.taken_ = std::move(weights.taken);
    return file;
  }
  check_known(bytes, path.string());
  file.tensors_ = parse_safetensors(bytes, path.string());
  return file;
}

}  // namespace paceline
