#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "cli/console.h"

namespace paceline {

/// Where a subcommand's rows go: a file that appears under its name when it is complete, or the console for "-".
class Output {
 public:
  Output(const std::filesystem::path& path, Console& console);
  TextSink& sink() { return *sink_; }
  /// Gives the file its name. Without it nothing is left behind.
  void commit();

 private:
  class FileSink : public TextSink {
   public:
    explicit FileSink(const std::filesystem::path& path) : file(path) {}
    void write(std::string_view text) override { file.write(text); }
    AtomicFile file;
  };

  std::unique_ptr<FileSink> file_;  ///< null: the console
  TextSink* sink_;
};

/// The files of a model that are read for its texts: settings and tokenizer.
std::vector<std::filesystem::path> files_of(const ModelParts& parts);
/// And those with its weights.
std::vector<std::filesystem::path> files_of(const Checkpoint& checkpoint);

/// Throws Error{invalid_argument} where `written` is one of the files that are read, under whatever name: links are
/// followed, and "-" is standard output or input. `flag` names `written`.
void refuse_overwriting(std::string_view command, std::string_view flag, const std::filesystem::path& written,
                        const std::vector<std::filesystem::path>& read);

/// Throws Error{invalid_argument} for the ending of a packed file: rows are written as they are.
void refuse_packed_output(std::string_view command, const std::filesystem::path& written);

}  // namespace paceline
