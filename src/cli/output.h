#pragma once

#include <filesystem>
#include <memory>

#include "base/file.h"
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

}  // namespace paceline
