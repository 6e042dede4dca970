#include "cli/output.h"

namespace paceline {

Output::Output(const std::filesystem::path& path, Console& console)
    : file_(path == "-" ? nullptr : std::make_unique<FileSink>(path)), sink_(&console) {
  if (file_ != nullptr) sink_ = file_.get();
}

void Output::commit() {
  if (file_ != nullptr) file_->file.commit();
}

}  // namespace paceline
