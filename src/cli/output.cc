#include "cli/output.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "model_folder/tokenizer_files.h"
#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// A regular file that is there; "-" is `standard`, a descriptor.
std::optional<struct stat> regular_file(const std::filesystem::path& path, int standard) {
  struct stat found {};
  const bool there = (path == "-" ? ::fstat(standard, &found) : ::stat(path.c_str(), &found)) == 0;
  return there && S_ISREG(found.st_mode) ? std::optional(found) : std::nullopt;
}

std::string name_of(const std::filesystem::path& path, std::string_view standard) {
  return path == "-" ? std::string(standard) : excerpt(path.string(), 200);
}

}  // namespace

Output::Output(const std::filesystem::path& path, Console& console)
    : file_(path == "-" ? nullptr : std::make_unique<FileSink>(path)), sink_(&console) {
  if (file_ != nullptr) sink_ = file_.get();
}

void Output::commit() {
  if (file_ != nullptr) file_->file.commit();
}

std::vector<std::filesystem::path> files_of(const ModelParts& parts) {
  std::vector<std::filesystem::path> files{parts.config / "config.json", parts.config / "adapter_config.json",
                                           parts.tokenizer / kTokenizerFile};
  for (const char* name : kTokenizerSettings) files.push_back(parts.tokenizer / name);
  for (const char* name : kVocabularyFiles) files.push_back(parts.tokenizer / name);
  return files;
}

std::vector<std::filesystem::path> files_of(const Checkpoint& checkpoint) {
  std::vector<std::filesystem::path> files = files_of(checkpoint.parts());
  files.push_back(checkpoint.model_dir() / "adapter_config.json");
  for (const char* index : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) {
    files.push_back(checkpoint.parts().weights / index);
  }
  for (const std::filesystem::path& name : checkpoint.weight_files())
    files.push_back(checkpoint.parts().weights / name);
  for (const std::filesystem::path& name : checkpoint.adapter_files()) files.push_back(checkpoint.model_dir() / name);
  return files;
}

void refuse_overwriting(std::string_view command, std::string_view flag, const std::filesystem::path& written,
                        const std::vector<std::filesystem::path>& read) {
  const auto target = regular_file(written, STDOUT_FILENO);
  if (!target) return;
  for (const std::filesystem::path& file : read) {
    const auto source = regular_file(file, STDIN_FILENO);
    if (!source || source->st_dev != target->st_dev || source->st_ino != target->st_ino) continue;
    throw Error{ErrorCode::kInvalidArgument,
                fmt::format("[{}] {} {} would replace a file that is read, {}. Name another.", command, flag,
                            name_of(written, "(standard output)"), name_of(file, "standard input"))};
  }
}

void refuse_packed_output(std::string_view command, const std::filesystem::path& written) {
  constexpr std::array<std::string_view, 4> kPacked{".gz", ".zst", ".bz2", ".xz"};
  const std::string ending = written.extension().string();
  if (std::ranges::find(kPacked, ending) == kPacked.end()) return;
  throw Error{
      ErrorCode::kInvalidArgument,
      fmt::format("[{}] --output {} ends in {}, and rows are not packed when they are written. Leave the ending "
                  "out, or pipe the rows to a program that packs: --output - | gzip.",
                  command, excerpt(written.string(), 200), ending)};
}

}  // namespace paceline
